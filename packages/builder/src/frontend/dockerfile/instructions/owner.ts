import type { Owner } from '../../../llb/write/file';

/** `user[:group]`, by name or by number. */
export function ownerOf(text: string): Owner {
  const colon = text.indexOf(':');
  return { user: one(colon < 0 ? text : text.slice(0, colon)), group: colon < 0 ? undefined : one(text.slice(colon + 1)) };
}

function one(text: string): number | string {
  if (text === 'root' || text === '') return 0;
  const id = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
  return id <= 0x7fffffff && id >= -0x80000000 ? id >>> 0 : text;
}
