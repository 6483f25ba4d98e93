"""What is to be seen in the pictures that Python draws, as they are now: a module a page.

Pure functions from what is drawn to a :class:`~dashboard.notice.notice.Notice`. Those of the live
charts are in `frontend/src/notice/`.
"""
