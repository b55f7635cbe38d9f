/**
 * How much of the map's edges is covered, so that what it shows is centred in the rest.
 * @param {{legend: HTMLElement, panel: HTMLElement, controls: HTMLElement}} covers
 */
export function insetsOf({ legend, panel, controls }) {
  const box = panel.hidden ? { width: 0, height: 0 } : panel.getBoundingClientRect();
  if (matchMedia("(max-width: 720px)").matches) return { left: 0, right: 0, top: 64, bottom: box.height };
  return {
    left: legend.hidden ? 0 : legend.offsetWidth + 16,
    right: box.width + controls.offsetWidth + 16,
    top: 0,
    bottom: 0,
  };
}
