
// The page's stand-in for anywidget's model, in the module's own scope: a state, and functions that hear of its changes.
{
  const revive = (_, value) =>
    typeof value?.b64 === "string" ? new DataView(Uint8Array.from(atob(value.b64), (c) => c.charCodeAt(0)).buffer) : value;
  for (const el of document.querySelectorAll('.moves[data-kind="@kind@"]')) {
    const state = JSON.parse(el.nextElementSibling.textContent, revive);
    const told = {};
    const model = {
      get: (name) => state[name],
      set(name, value) {
        if (state[name] === value) return;
        state[name] = value;
        for (const hear of told[`change:${name}`] ?? []) hear();
      },
      save_changes() {},
      on: (events, hear) => events.split(" ").forEach((event) => (told[event] ??= new Set()).add(hear)),
      off: (events, hear) => events.split(" ").forEach((event) => told[event]?.delete(hear)),
      send() {},
    };
    try {
      render({ model, el });
      el.closest("figure").classList.add("alive"); // from now on the still picture is for paper only
    } catch (error) {
      el.replaceChildren(); // the still picture stays
      console.error(error);
    }
  }
}
