"""The browser's poller: what it keeps is what the server said, whatever happens meanwhile."""

from tests.javascript import evaluate

REPLY = """
const apart = (steps) => steps.map((s, i) => (i ? s - steps[i - 1] : s))
const reply = (from, steps) => ({ counts: {}, runs: [{ state: "running", step: 9, steps: 20,
  m: { "loss/train": { from, s: apart(steps), v: steps, c: "0:1:9:9" } } }] })
const view = { props: {}, asks: () => ({ runs: ["a"], metrics: ["loss/train"] }), tick() {} }
clearTimeout(hub.timer)
globalThis.setTimeout = () => 0 // polls are called one by one
"""


def test_a_reply_to_a_page_that_was_left_is_not_the_start_of_the_next_pages_curve():
    code = """
    let answer
    globalThis.fetch = () => new Promise((resolve) => {
      answer = (body) => resolve({ ok: true, text: async () => JSON.stringify(body) })
    })
    hub.views.add(view)
    let poll = hub.poll()
    answer(reply(0, [0, 1, 2, 3, 4, 5]))
    await poll
    poll = hub.poll() // asks for what follows step 5, and the page is left before the reply
    hub.remove(view)
    hub.views.add(view)
    answer(reply(6, [6, 7, 8]))
    await poll
    const between = hub.runs.get("a")?.series.get("loss/train")?.steps ?? []
    poll = hub.poll()
    answer(reply(0, [0, 1, 2, 3, 4, 5, 6, 7, 8]))
    await poll
    return [between, hub.run("a").series.get("loss/train").steps]
    """
    between, after = evaluate(REPLY + code)
    assert between == []
    assert after == list(range(9))
