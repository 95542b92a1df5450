import { isIP } from 'node:net';
import { invalidArgument } from '@gantry/rpc';

/** Ranges with a comma between them: one a family. Errors: invalidArgument for what is none. */
export function checkCidrs(text: string): string {
  for (const range of text === '' ? [] : text.split(',')) {
    const [, address = '', length = ''] = /^(.+)\/([0-9]{1,3})$/.exec(range) ?? [];
    const family = isIP(address);
    if (family === 0 || Number(length) > (family === 4 ? 32 : 128))
      throw invalidArgument(`pod_cidr "${range}" is not a range of addresses`);
  }
  return text;
}
