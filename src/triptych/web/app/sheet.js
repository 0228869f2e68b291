// @ts-check
import { useLayoutEffect, useRef } from 'preact/hooks';

/** A dialog that is open for as long as it is drawn. That it is closed is heard at once: its own event comes a task later, behind the
 * keys that were pressed meanwhile, and those would still meet a sheet that is gone.
 * @param {() => void} closed */
export function useSheet(closed) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const dialog = box.current;
    if (!dialog) return undefined;
    dialog.showModal();
    const ends = new MutationObserver(() => { if (!dialog.open) closed(); });
    ends.observe(dialog, { attributeFilter: ['open'] });
    return () => ends.disconnect();
  }, []);
  return box;
}
