import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments } from '../instruction';
import { quoted } from '../quote';
import { parseFlags } from './flags';
import { words } from './forms';

/** The base of a stage: `FROM [--platform=…] base [AS name]`. */
export interface From {
  readonly base: string;
  /** In lower case; '' where the stage has none. */
  readonly stage: string;
  readonly platform: string | undefined;
  /** The words after FROM as they were written. */
  readonly written: readonly string[];
}

export function parseFrom(given: Arguments): From {
  const written = words(given.rest);
  const [base = '', as = '', name = ''] = written;
  const named = written.length === 3 && as.toLowerCase() === 'as';
  if (!named && written.length !== 1) throw invalidArgument('FROM requires either one or three arguments');
  if (named && !/^[a-z][a-z0-9\-_.]*$/.test(name.toLowerCase()))
    throw invalidArgument(`invalid name for build stage: ${quoted(name)}, name can't start with a number or contain symbols`);
  const { platform } = parseFlags(given.flags, { platform: 'text' });
  return { base, stage: name.toLowerCase(), platform: platform === '' ? undefined : platform, written };
}
