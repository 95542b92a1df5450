import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { type GantryError, dataLoss, internal, invalidArgument, notFound, resourceExhausted } from '@gantry/rpc/errors';

interface TreeChild extends NodeJS.EventEmitter {
  readonly stdout?: Readable | null;
  readonly stderr: Readable | null;
}

/**
 * The end of a tree mode of gantry-native (untar, pack, copy, compare): what it wrote to stdout when it succeeded, the error of the kind that its last line
 * names when not.
 * @param collect false: stdout is the caller's, and the result is empty
 * @throws invalidArgument (an archive that leaves its root), dataLoss (a broken one), notFound (a path that is not there), resourceExhausted (a budget),
 *   internal (everything else, a program that cannot be run among it)
 */
export async function treeOutcome(child: TreeChild, collect = true): Promise<string> {
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  if (collect) child.stdout?.on('data', (part: Buffer) => output.push(part));
  child.stderr?.on('data', (part: Buffer) => errors.push(part));
  let end: [number | null, string | null];
  try {
    end = (await once(child, 'close')) as typeof end;
  } catch (error) {
    throw internal(`tree program: ${(error as Error).message}`, { cause: error });
  }
  const [code, signal] = end;
  if (code === 0) return Buffer.concat(output).toString();
  throw treeFailure(Buffer.concat(errors).toString('latin1'), signal ?? String(code));
}

/** What the program told: the last line is {"code","error"}; names in it are bytes. */
export function treeFailure(text: string, end: string): GantryError {
  const line = text.trim().split('\n').at(-1) ?? '';
  let report: { code?: string; error?: string };
  try {
    report = JSON.parse(line) as typeof report;
  } catch {
    report = { error: line };
  }
  const words = Buffer.from(report.error ?? '', 'latin1').toString();
  const message = words === '' ? `tree program ended with ${end}` : words;
  switch (report.code) {
    case 'unsafe':
      return invalidArgument(`unsafe archive: ${message}`);
    case 'invalid':
      return invalidArgument(message);
    case 'archive':
      return dataLoss(`broken archive: ${message}`);
    case 'absent':
      return notFound(message);
    case 'budget':
      return resourceExhausted(message);
    default:
      return internal(message);
  }
}
