import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments } from '../instruction';

/** The instruction that a child image's build runs, as it was written, with its here-documents. */
export function parseOnbuild({ flags, rest, text, heredocs }: Arguments): string {
  const [word = ''] = rest.split(/\s/, 1);
  if (word === '') throw invalidArgument('ONBUILD requires at least one argument');
  if (flags.length > 0) throw invalidArgument(`unknown flag: ${flags[0]?.split('=', 1)[0] ?? ''}`);
  const name = word.toUpperCase();
  if (name === 'ONBUILD') throw invalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === 'FROM' || name === 'MAINTAINER') throw invalidArgument(`${name} isn't allowed as an ONBUILD trigger`);
  const documents = heredocs.map(({ content, name: end }) => `\n${content}${end}`);
  return text.replace(/^\s*ONBUILD\s*/i, '') + documents.join('');
}
