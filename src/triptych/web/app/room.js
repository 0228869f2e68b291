// @ts-check
/** How many parts of a line fit on it; the others are for its menu. */
import { signal } from '@preact/signals';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';

/** A line is drawn with as many parts as the number says; it says fewer until nothing is wider than the line, before anyone sees it. It
 * begins anew when the line is another one (`what`) or gets another width.
 * @param {number} most @param {string} what @returns {[import('preact').RefObject<HTMLDivElement | null>, number]} where the line is, and the number */
export function useRoom(most, what) {
  const line = useRef(/** @type {HTMLDivElement | null} */ (null)), fits = useMemo(() => signal(most), [most, what]);
  useLayoutEffect(() => {
    const el = line.current;
    if (el && el.scrollWidth > el.clientWidth && fits.peek() > 0) fits.value--;
  });
  useLayoutEffect(() => {
    let width = line.current?.clientWidth;
    const size = new ResizeObserver(() => {
      if (line.current && line.current.clientWidth !== width) { width = line.current.clientWidth; fits.value = most; }
    });
    if (line.current) size.observe(line.current);
    return () => size.disconnect();
  }, [most, what]);
  return [line, fits.value];
}
