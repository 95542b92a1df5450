import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments } from '../instruction';

/** The instruction that a child image's build runs, as it was written. */
export function parseOnbuild({ flags, rest }: Arguments): string {
  const trigger = [...flags, rest].filter((part) => part !== '').join(' ');
  const [word = ''] = trigger.split(/\s/, 1);
  if (word === '') throw invalidArgument('ONBUILD requires at least one argument');
  const name = word.toUpperCase();
  if (name === 'ONBUILD') throw invalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === 'FROM' || name === 'MAINTAINER') throw invalidArgument(`${name} isn't allowed as an ONBUILD trigger`);
  return trigger;
}
