// @ts-check
/** Speaking with the server: a change carries the session. */
import { say } from './ui.js';

/** A refusal, and what to do about it. */
export class ApiError extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    const error = body?.error ?? {}, hint = error.triptych?.hint ?? '';
    super(error.message ? say(error.message.replace(` hint: ${hint}`, '')) : say('The server answered {0}.', status));
    this.status = status;
    this.code = /** @type {string} */ (error.code ?? '');
    this.hint = say(hint);
  }
}

let session = '';
let renew = async () => {};

/** @param {string} token @param {() => Promise<void>} [again] how to get a new one after the server was restarted */
export function useSession(token, again) { session = token; renew = again ?? renew; }

/** @param {string} method @param {string} path @param {any} [body] JSON, or bytes as a Blob @param {AbortSignal} [signal] */
export async function call(method, path, body, signal) {
  const before = session;  // another may renew it
  let [answer, data] = await send(method, path, body, signal);
  if (method !== 'GET' && (answer.status === 401 || answer.status === 403)) {
    if (session === before) await renew();
    if (session !== before) [answer, data] = await send(method, path, body, signal);
  }
  if (!answer.ok) throw new ApiError(answer.status, data);
  return data;
}

/** Random hex: the router draws by the page's own number. */
const nonce = () => [...crypto.getRandomValues(new Uint8Array(16))].map(b => (b + 256).toString(16).slice(1)).join('');

/** Keys of calls without a whole answer: asked again, nothing is paid twice. @type {Record<string, string>} */
const lost = {};

/** @param {string} method @param {string} path @param {any} body @param {AbortSignal} [signal] */
async function send(method, path, body, signal) {
  const json = JSON.stringify(body), what = path + json, key = lost[what] ?? nonce();
  delete lost[what];
  const headers = /** @type {Record<string, string>} */ (method === 'GET' ? {} : { 'X-Triptych-Session': session, 'X-Triptych-Nonce': key, 'Idempotency-Key': key });
  const bytes = body instanceof Blob;
  if (body !== undefined) headers['Content-Type'] = bytes ? body.type || 'application/octet-stream' : 'application/json';
  try {
    const answer = await fetch(path, { method, headers, signal, body: bytes ? body : json });
    return [answer, answer.headers.get('content-type')?.includes('json') ? await answer.json() : null];
  } catch (error) {
    if (signal?.aborted) throw error;
    lost[what] = key;
    throw new ApiError(0, { error: { message: 'Triptych’s server does not answer.', triptych: { hint: 'Is it still running? Nothing is paid twice.' } } });
  }
}
