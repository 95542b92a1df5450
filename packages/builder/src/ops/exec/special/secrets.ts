import { SecretsService } from '@gantry/api/moby/buildkit/secrets/v1/secrets';
import type { Mount, SecretEnv } from '@gantry/api/pb/ops';
import { type CallContext, invalidArgument, isErrorOf, notFound } from '@gantry/rpc';
import type { SessionGroup } from '../../../session/session';
import type { SpecialMount } from '../mounts';
import type { HiddenFiles } from './hidden-files';

/** What a client holds under an id. Errors: notFound, also where the client offers no secrets. */
export async function secretOf(ctx: CallContext, sessions: SessionGroup, id: string): Promise<Buffer> {
  return sessions.any(async (session) => {
    try {
      const { data } = await session.client(SecretsService).getSecret(ctx, { ID: id, annotations: {} });
      return data;
    } catch (error) {
      if (isErrorOf(error, 'notFound', 'notImplemented')) throw notFound(`secret ${id}: not found`, { cause: error });
      throw error;
    }
  });
}

/** The file of a secret; undefined for an optional one that no client has. */
export async function secretMount(
  files: HiddenFiles,
  ctx: CallContext,
  { dest, secretOpt }: Mount,
  sessions: SessionGroup,
): Promise<SpecialMount | undefined> {
  if (secretOpt === undefined) throw invalidArgument(`mount ${dest}: invalid secret mount options`);
  const { ID: id, optional, uid, gid, mode } = secretOpt;
  if (id === '') throw invalidArgument(`mount ${dest}: secret ID missing from mount options`);
  const data = await optionally(optional, secretOf(ctx, sessions, id));
  if (data === undefined) return undefined;
  const file = await files.write(data, { uid, gid, mode });
  const options = ['ro', 'rbind', 'nodev', 'nosuid', ...((mode & 0o111) === 0 ? ['noexec'] : [])];
  return { source: [{ type: 'bind', source: file.path, target: '', options }], release: () => file.remove() };
}

/** Secrets as variables; an optional one that no client has is empty. Errors: invalidArgument that names the variable. */
export async function secretVariables(ctx: CallContext, wanted: readonly SecretEnv[], sessions: SessionGroup): Promise<string[]> {
  return Promise.all(
    wanted.map(async ({ ID: id, name, optional }) => {
      if (id === '') throw invalidArgument(`secret ID missing for "${name}" environment variable`);
      const data = await optionally(optional, secretOf(ctx, sessions, id));
      if (data?.includes(0) === true) throw invalidArgument(`secret ${id} cannot be environment variable "${name}": it holds a zero byte`);
      return `${name}=${data?.toString() ?? ''}`;
    }),
  );
}

async function optionally<T>(optional: boolean, wanted: Promise<T>): Promise<T | undefined> {
  try {
    return await wanted;
  } catch (error) {
    if (optional && isErrorOf(error, 'notFound')) return undefined;
    throw error;
  }
}
