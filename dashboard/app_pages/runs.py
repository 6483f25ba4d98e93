"""Runs: what is on disk and in the trash; rename, tag, resume, delete, import and export."""

from dashboard.address import page
from dashboard.live.feed import store
from dashboard.publish import button
from dashboard.runs import actions, cards, model

actions.sweep()
folder = model.load(store())
page.show(also=folder.damaged)
cards.news()
if folder.every:
    cards.runs(folder, button.popover)
elif not folder.unreadable:
    cards.first_run()
if folder.unreadable:
    cards.unreadable(folder)
if not folder.counted:
    cards.counting(folder)
