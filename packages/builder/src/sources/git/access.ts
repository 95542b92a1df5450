import { writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Mount } from '@gantry/api/pb/ops';
import { isErrorOf } from '@gantry/rpc';
import { secretOf } from '../../ops/exec/special/secrets';
import { sshMount, type SocketPaths } from '../../ops/exec/special/ssh';
import type { StepContext } from '../../solver/op';
import type { GitIdentifier } from './identifier';

/** What git needs to be let in. */
export interface GitAccess {
  readonly config: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly hidden: readonly string[];
  release(): Promise<void>;
}

/** Secrets of the client as a header for the remote and for nothing else; its ssh agent as a socket. */
export async function gitAccess(
  step: StepContext,
  wish: GitIdentifier,
  places: { readonly folder: string; readonly socketPath: SocketPaths },
): Promise<GitAccess> {
  const header = await headerOf(step, wish);
  const url = URL.canParse(wish.remote) ? new URL(wish.remote) : undefined;
  const options = Mount.fromPartial({ dest: 'git', SSHOpt: { ID: wish.sshAgent, uid: 0, gid: 0, mode: 0o700, optional: false } });
  const agent = wish.sshAgent === '' ? undefined : await sshMount(places.socketPath, step.call, options, step.sessions);
  const source = Array.isArray(agent?.source) ? (agent.source[0] as { readonly source: string } | undefined)?.source : undefined;
  const hosts = join(places.folder, 'known_hosts');
  if (wish.knownHosts !== '') await writeFile(hosts, wish.knownHosts, { mode: 0o600 });
  const ssh = `ssh -F /dev/null ${wish.knownHosts === '' ? '-o StrictHostKeyChecking=no' : `-o UserKnownHostsFile=${hosts}`}`;
  return {
    config: header === undefined ? {} : { [`http.${scopeOf(wish.remote)}.extraheader`]: `Authorization: ${header}` },
    environment: { GIT_SSH_COMMAND: ssh, ...(source === undefined ? {} : { SSH_AUTH_SOCK: source }) },
    hidden: [header ?? '', url?.password ?? ''].filter((each) => each !== ''),
    async release() {
      await agent?.release();
      await rm(hosts, { force: true });
    },
  };
}

/** Where a token is shown: at its remote; the submodules of one big host are its neighbours. */
function scopeOf(remote: string): string {
  const prefix = ['https://github.com/', 'https://www.github.com/'].find((each) => remote.startsWith(each));
  return prefix ?? remote;
}

async function headerOf(
  { call, sessions }: StepContext,
  { remote, authHeaderSecret, authTokenSecret }: GitIdentifier,
): Promise<string | undefined> {
  const host = URL.canParse(remote) ? new URL(remote).host : '';
  const names = [
    { name: authHeaderSecret, token: false, host },
    { name: authTokenSecret, token: true, host },
    { name: authHeaderSecret, token: false, host: '' },
    { name: authTokenSecret, token: true, host: '' },
  ].filter(({ name }) => name !== '');
  for (const { name, token, host: own } of names) {
    try {
      const secret = (await secretOf(call, sessions, own === '' ? name : `${name}.${own}`)).toString();
      return token ? `basic ${Buffer.from(`x-access-token:${secret}`).toString('base64')}` : secret;
    } catch (error) {
      if (!isErrorOf(error, 'notFound', 'failedPrecondition', 'unavailable')) throw error;
    }
  }
  return undefined;
}
