// @ts-check
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

/** What a field shows that begins with a kept value and is changed by hand. A value that changes elsewhere shows; what is typed while an
 * answer is on its way stays. `of` is what the value belongs to.
 * @template T @param {T} now @param {string} of */
export function useTyped(now, of) {
  const text = useSignal(now), kept = useRef({ of, now });
  useEffect(() => {
    if (kept.current.of !== of || String(text.peek()) === String(kept.current.now)) text.value = now;
    kept.current = { of, now };
  }, [of, String(now)]);
  return text;
}
