// @ts-check
/** What a check in this page says, in words of the page: here nobody gives files or options, and the key, the log and its
 * witnesses are taken from the very server that is checked. The check itself speaks as `triptych verify` does. */
import { say } from './ui.js';

/** @typedef {{ what: string, verdict: string, detail: string }} Line */

/** What the check says to whoever has a command line, and what is true here. @type {[RegExp, (...parts: string[]) => string][]} */
const HERE = [
  [/^Give the log with --log to see which policy .*$/, () => say('Which policy was the active one then stands in the log. This page does not read all of it; the command above does.')],
  [/^Give the snapshot and the log to count again .*$/, () => say('What the snapshot says of each endpoint is counted again from the whole log. This page does not read all of it; the command above does.')],
  [/^Whether the log has it: give its proof .*$/, () => say('This server gave no proof that its log has it.')],
  [/^What was asked for: its owner can open it with --opening\.$/, () => say('What was asked for: this server gave nothing to open it with.')],
  [/^Whose key (\S+) is: give a key .*$/, (_, key) => say('Whose key {0} is: this server does not say which log it belongs to.', key)],
  [/^No witness that you trust has cosigned/, () => 'No witness that this server names has cosigned'],
  [/ The dice are said to be the caller's: compare with --nonce\.$/, () => ' The dice are said to be the caller’s; they are not kept here to compare.'],
  [/\bGive the (.*)$/, (_, rest) => `This server did not give the ${rest}`],
  [/of a log that you trust/, () => 'of the log that this server publishes'],
];

/** A line of the check as the page shows it. @param {Line} line @returns {Line} */
export function here(line) {
  const found = HERE.find(([said]) => said.test(line.detail)), detail = found ? line.detail.replace(...found) : line.detail;
  if (line.verdict !== 'proved') return { ...line, detail };
  if (line.what === 'signer') return { ...line, verdict: 'not checked', detail: say('It is the key that this server publishes; keep it to compare.') };
  return line.what === 'witnesses' ? { ...line, verdict: 'not checked', detail: `${detail} Their keys are those that this server names; compare them with theirs.` } : { ...line, detail };
}
