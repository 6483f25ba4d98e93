"""Lessons: predict, run, see, explain, a question; what they say comes out of the reader's runs."""

from core.lessons.lesson import Lesson
from core.lessons.library import LessonError, lessons, problems

__all__ = ["Lesson", "LessonError", "lessons", "problems"]
