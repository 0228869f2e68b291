// What the server sends and the page keeps, for the editor and for `tsc`; the browser never loads it.
import type { ReadonlySignal, Signal } from '@preact/signals';

export type Cost = { amount_micro_usd: number | null; source: 'provider' | 'usage' | 'table' | 'free' | 'unknown' };
export type Picture = { id: string; sha256: string; url: string; thumb: string; view: string; width: number; height: number; media_type: string; bytes: number; revised_prompt: string | null; seed: number | null; filename: string; restored?: { state: string; words: string; changed_permille: number | null; shift_px: [number, number]; unrestored: boolean; choice: boolean; heat: string | null } | null };
export type Adjustment = { feature: string; kind: 'native' | 'emulated' | 'adjusted' | 'unsupported'; detail: string };
export type Asked = { images?: { sha256: string; role: string }[]; mask?: string; seed?: number; size?: string; turns?: { prompt: string; picture: string }[]; restore?: boolean; options?: Record<string, Record<string, unknown>>; [name: string]: unknown };
export type TileError = { code: string; failure: string; message: string; hint: string | null; billed: string; provider: string | null; status: number | null; upstream: string | null; retry_after_s: number | null; param: string | null };
export type State = 'queued' | 'sent' | 'working' | 'waiting' | 'receiving' | 'done' | 'blocked' | 'failed' | 'cancelled' | 'lost';
export type Tile = {
  id: string; run: string; position: number; model: string; name: string; maker: string; prompt: string; ratio: number; state: State;
  endpoint: string | null; lane: string | null; asked: Asked; progress: number | null; queue_position: number | null; eta_s: number | null; note: string | null;
  preview: string | null; started_ms: number | null; ended_ms: number | null; typical_seconds: [number, number] | null; knows_slow: boolean;
  estimate: Cost | null; cost: Cost | null; fee_micro_usd: number; fee_estimate_micro_usd: number; billed: 'yes' | 'no' | 'unknown'; images: Picture[]; adjustments: Adjustment[]; error: TileError | null;
  retry: { in_s: number; attempt: number; of: number; until_ms: number } | null; retry_of: string | null; trashed_ms?: number | null; cancellable: boolean; draft: string | null; final: boolean; task?: 'upscale' | 'remove_background' | null; parent?: { tile: string; picture: string } | null; doubt?: { message: string; hint: string; check: string } | null; imported: { maker: string; file: string; source: string | null; job: string | null; model: string | null; seed: string | null } | null;
};
export type TileSignal = Signal<Tile> & { still: ReadonlySignal<Tile>; seen?: boolean };
export type Note = { kind: string; token: string | null; message: string };
export type Row = { id: string; created_ms: number; text: string; source: string; notes: Note[]; settings: any; picked?: string | null; veiled?: boolean; progress?: { over: number; of: number } | null; tiles: Signal<TileSignal[]>; order: ReadonlySignal<TileSignal[]> };
export type Model = {
  id: string; name: string; maker: string; provider: string; lane: string; is_ai: boolean; note: string | null; license: string | null; retires: string | null; successors: string[] | null;
  word?: { at: string; says: string } | null;
  state: string; reason: string | null; reason_code: string | null; price_micro_usd: number | null; free: boolean; typical_seconds: [number, number] | null;
  capabilities: { operations?: string[]; max_input_images?: number; mask?: boolean };
  data: string[]; policy: { topic: string; statement: string; source: string; as_of: string }[]; prices: { unit: string; micro_usd: number; source: string; as_of: string }[];
};
export type Provider = {
  id: string; name: string; state: string; reason?: string | null; reason_code?: string | null; needs_key: boolean; models: string[]; base_url: string | null; unlocks: string | null; own?: boolean; check?: { ok: boolean; message: string; code: string | null } | null;
  key: { env: string[]; source: string | null; hint: string | null; sign_up: string | null } | null; consent: { text: string; given: boolean } | null;
};
export type Spend = { today: { amount_micro_usd: number; unknown: number | boolean; guessed_micro_usd?: number; fee_micro_usd?: number }; caps: { run: number | null; day: number | null } };
export type Ref = { key: number; sha256: string | null; url: string | null; name: string; role: string; problem: string; alpha?: boolean; parent?: { tile: string; picture: string } };
export type Plan = {
  prompts: number; images: number; total: Cost; known_micro_usd?: number; unknown_count?: number; fee_micro_usd?: number; seconds: [number, number] | null; chips: { name: string; text: string; value: string }[]; notes: Note[];
  per_model: Record<string, { ok: boolean; reason: string | null; images: number; starts: number; cost: Cost; adjustments: Adjustment[]; references?: { takes: number; fates: { index: number; role: string; place: number | null }[]; undecided: string | null }; draft?: { words: string; final: Cost } | null }>; allowed: boolean; reason: string | null;
};
export type Mark = { image: string; tile: TileSignal };
export type Problem = { message: string; hint: string; code: string };
export type Action = { name: string; undo?: boolean; run: () => void };
export type Item = { name: string; note?: string; disabled?: boolean; danger?: boolean; run: () => void };
