import { invalidArgument } from '@gantry/rpc/errors';

/** What a field of config.json holds. `texts` and `textMap` are a list and an object of texts. */
export type Kind = 'text' | 'texts' | 'textMap' | 'flag' | keyof typeof ranges | 'u32s';

/** Inclusive. A reader that rounds 2^64-1 makes 2^64 of it: "no limit" was meant. */
const ranges = {
  u16: [0n, 0xffffn],
  u32: [0n, 0xffffffffn],
  u64: [0n, 1n << 64n],
  i32: [-0x80000000n, 0x7fffffffn],
  i64: [-(1n << 63n), 1n << 63n],
} as const;

/** Throws invalidArgument that names the field; what is absent (also as null) passes. */
export function checkKind(value: unknown, kind: Kind, path: string): void {
  if (value === undefined || value === null) return;
  switch (kind) {
    case 'text':
      checkText(value, path);
      return;
    case 'flag':
      if (typeof value !== 'boolean') throw invalidArgument(`config.json: ${path} must be true or false`);
      return;
    case 'texts':
    case 'u32s':
      if (!Array.isArray(value)) throw invalidArgument(`config.json: ${path} must be a list`);
      for (let i = 0; i < value.length; i++)
        if (kind === 'texts') checkText(value[i], path, i);
        else checkNumber(value[i], 'u32', `${path}[${i}]`);
      return;
    case 'textMap':
      if (typeof value !== 'object' || Array.isArray(value)) throw invalidArgument(`config.json: ${path} must be an object`);
      for (const [key, text] of Object.entries(value)) {
        checkText(key, `${path}: a key`);
        checkText(text, `${path}.${key}`);
      }
      return;
    default:
      checkNumber(value, kind, path);
  }
}

function checkText(value: unknown, path: string, index?: number): void {
  if (typeof value === 'string' && !value.includes('\0')) return;
  const name = index === undefined ? path : `${path}[${index}]`;
  throw invalidArgument(typeof value === 'string' ? `config.json: ${name} holds a zero byte` : `config.json: ${name} must be a string`);
}

function checkNumber(value: unknown, kind: keyof typeof ranges, path: string): void {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value)))
    throw invalidArgument(`config.json: ${path} must be a whole number`);
  const [least, most] = ranges[kind];
  if (value < least || value > most) throw invalidArgument(`config.json: ${path} ${value} is out of range`);
}
