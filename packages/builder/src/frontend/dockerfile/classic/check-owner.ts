import { expand, type Step } from '@gantry/dockerfile';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { type Request, solveTree } from '../request';
import type { Made } from './plan';

/** --chown names users and groups of the image; BuildKit takes a name that is not there for root, the classic builder does not. */
export async function checkOwner(request: Request, before: Made, { instruction }: Step): Promise<void> {
  if (instruction.name !== 'copy' && instruction.name !== 'add') return;
  const { chown } = instruction.name === 'copy' ? instruction.copy : instruction.add;
  if (chown === '') return;
  const [user = '', group = ''] = expand(chown, { lookup: (name) => before.env.get(name), escape: '\\' }).word.split(':');
  for (const { name, file, kind, id } of [
    { name: user, file: '/etc/passwd', kind: 'user', id: 'uid' },
    { name: group, file: '/etc/group', kind: 'group', id: 'gid' },
  ]) {
    if (name === '' || /^\d+$/.test(name) || (await namesOf(request, before, file)).includes(name)) continue;
    throw invalidArgument(
      `unable to convert uid/gid chown string to host mapping: can't find ${id} for ${kind} ${name}: no such ${kind}: ${name}`,
    );
  }
}

async function namesOf(request: Request, { tree }: Made, file: string): Promise<readonly string[]> {
  const { outcome } = await solveTree(request, tree);
  try {
    const text = (await request.bridge.readFile(request.ctx, outcome, file)).toString();
    return text.split('\n').map((line) => line.split(':', 1)[0] ?? '');
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return [];
    throw error;
  }
}
