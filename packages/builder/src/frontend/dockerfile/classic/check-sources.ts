import { expand, type Step } from '@gantry/dockerfile';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { solveTree } from '../request';
import type { Made } from './plan';
import type { PlanRun } from './run-plan';

/** Says which file of the context was missing, where that is why a step failed. */
export async function checkSources({ request, context }: PlanRun, { instruction }: Step, { env }: Made): Promise<void> {
  if (instruction.name !== 'copy' && instruction.name !== 'add') return;
  if (instruction.name === 'copy' && instruction.copy.from !== '') return;
  const { sources } = instruction.name === 'copy' ? instruction.copy : instruction.add;
  const { outcome } = await solveTree(request, context);
  for (const source of sources) {
    const path = expand(source, { lookup: (name) => env.get(name), escape: '\\' }).word;
    if (/[*?[]|^https?:/.test(path)) continue;
    try {
      await request.bridge.statFile(request.ctx, outcome, path);
    } catch (error) {
      if (!isErrorOf(error, 'notFound')) return;
      throw invalidArgument(
        `${instruction.name.toUpperCase()} failed: file not found in build context or excluded by .dockerignore: stat ${path}: file does not exist`,
        { cause: error },
      );
    }
  }
}
