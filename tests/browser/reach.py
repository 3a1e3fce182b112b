"""What of a page Tab does not come to, or shows no focus on; and what of it moves."""

from __future__ import annotations

from playwright.sync_api import Page

# All that a person could act on now. Of radio buttons of one name Tab comes to one; a frame, a
# player's own controls and what scrolls are the browser's matter.
MARK = """() => {
  const all = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')]
    .filter((e) => e.tabIndex >= 0 && !e.disabled && !e.closest('[inert]')
      && e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length
      && !(e.type === 'radio' && !e.checked
        && document.querySelector(`input[type=radio][name="${CSS.escape(e.name)}"]`) !== e));
  const look = (e) => {
    const s = getComputedStyle(e);
    const ring = s.outlineStyle === 'none' || !parseFloat(s.outlineWidth) ? '' : s.outlineColor;
    return [ring, s.boxShadow, s.borderColor, s.backgroundColor].join();
  };
  document.activeElement?.blur();
  const rest = new Map(all.map((e) => [e, look(e)]));
  window.reached = { all, seen: new Set(), dull: new Set() };
  document.addEventListener('focusin', ({ target }) => {
    window.reached.seen.add(target);
    if (rest.has(target) && rest.get(target) === look(target)) window.reached.dull.add(target);
  });
  return all.length;
}"""
LEFT = """() => {
  const { all, seen, dull } = window.reached;
  const name = (e) => `${e.tagName.toLowerCase()} ${e.dataset.testid ?? e.id} `
    + `${(e.ariaLabel ?? e.innerText ?? '').trim().slice(0, 40)}`;
  return [
    ...all.filter((e) => e.isConnected && !seen.has(e)).map((e) => `no Tab to ${name(e)}`),
    ...[...dull].map((e) => `no focus is seen on ${name(e)}`),
  ];
}"""
MOVES = """() => {
  const moves = (e) => {
    const s = getComputedStyle(e);
    const lasts = (text) => text.split(',').some((part) => parseFloat(part) > 0);
    return s.scrollBehavior === 'smooth' || lasts(s.transitionDuration)
      || (s.animationName !== 'none' && lasts(s.animationDuration));
  };
  return [
    ...document.getAnimations().map((a) => `${a.effect?.target?.tagName} is animated`),
    ...[...document.querySelectorAll('*')].filter(moves).map((e) => `${e.tagName} ${e.className}`
      + ' would move'),
  ];
}"""


def unreached(page: Page) -> list[str]:
    """What Tab alone does not come to in one round, and where the focus is not seen."""
    left = page.evaluate(MARK)
    for _ in range(2):
        for _ in range(left + 6):
            page.keyboard.press("Tab")
        if not page.evaluate(LEFT):
            break
    return list(page.evaluate(LEFT))


def moving(page: Page) -> list[str]:
    """What moves, or would, though the person asked for no motion."""
    return list(page.evaluate(MOVES))
