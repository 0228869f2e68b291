// @ts-check
/** Word that pictures are done, also when no page is open: this browser asks its maker's push service to carry it here. */
import { call } from './api.js';

/** Whether this browser can be reached without a page. */
export const reachable = () => isSecureContext && 'PushManager' in window && 'serviceWorker' in navigator;

const worker = async () => (await navigator.serviceWorker.getRegistration()) ?? navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' });

/** @param {ArrayBuffer | null} bytes */
const spelt = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0)))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

/** Asks for it, for the server as it is now; what was asked of an earlier one is taken back. */
export async function reach() {
  const { key } = await call('POST', '/api/push/key', {}), { pushManager } = await worker();
  let mine = await pushManager.getSubscription();
  if (mine && spelt(mine.options.applicationServerKey) !== key) { await mine.unsubscribe(); mine = null; }
  mine ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  await call('PUT', '/api/push', { ...mine.toJSON(), lang: document.documentElement.lang });
}

/** Takes it back, at the server and in this browser. */
export async function leave() {
  const mine = await (await worker()).pushManager.getSubscription();
  if (!mine) return;
  await call('DELETE', '/api/push', { endpoint: mine.endpoint });
  await mine.unsubscribe();
}
