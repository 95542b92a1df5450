import type { Definition } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';
import type { Request } from '../request';

/** The definitions that the client gave. Scratch is none: whoever means it names no input. */
export function inputsOf({ inputs }: Pick<Request, 'inputs'>): ReadonlyMap<string, Definition> {
  for (const { metadata } of inputs.values())
    if (Object.keys(metadata).length === 0)
      throw invalidArgument('failed to get frontend inputs: invalid nil input definition to definition op');
  return inputs;
}
