import { invalidArgument } from '@gantry/rpc';

/** ctrl-p ctrl-q. */
const DEFAULT_KEYS = Buffer.from([16, 17]);

/** `ctrl-x` names, `DEL` and single characters, separated by commas; empty: the default. Errors: invalidArgument. */
export function parseDetachKeys(keys: string, what = 'detach'): Buffer {
  if (keys === '') return DEFAULT_KEYS;
  const bytes = keys.split(',').flatMap((key) => {
    if (Buffer.byteLength(key) === 1) return [...Buffer.from(key)];
    if (key === 'DEL') return [0x7f];
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control === undefined) throw invalidArgument(`Invalid ${what} keys (${keys}) provided`);
    return [control.charCodeAt(0) & 0x1f];
  });
  return Buffer.from(bytes);
}

/** Looks for the detach sequence in a terminal's input. Keys that may begin it are held back until the next one decides. */
export class DetachScanner {
  private matched = 0;

  constructor(private readonly keys: Buffer) {}

  /** What may pass on, and whether the sequence is complete. */
  scan(chunk: Buffer): { readonly pass: Buffer; readonly detached: boolean } {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.keys[this.matched]) {
        this.matched++;
        if (this.matched === this.keys.length) return { pass: Buffer.from(pass), detached: true };
        continue;
      }
      pass.push(...this.keys.subarray(0, this.matched));
      this.matched = byte === this.keys[0] ? 1 : 0;
      if (this.matched === 1 && this.keys.length === 1) return { pass: Buffer.from(pass), detached: true };
      if (this.matched === 0) pass.push(byte);
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}
