import { execFile } from 'node:child_process';
import type { TopRequest, TopResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, conflict, internal, invalidArgument } from '@gantry/rpc';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { isRunning } from '../../core/phases';
import { dockerStatus } from '../status';

type Needs = Uses<{ records: 'dockerNamespace' | 'requireDocker'; tasks: 'pids'; events: 'emit' }>;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** GET /containers/{id}/top: the host's ps, its rows filtered by the container's process ids. Nothing of the image is run. */
export async function topContainer(engine: Needs, caller: CallContext, request: TopRequest): Promise<TopResponse> {
  const { id, docker } = engine.records.requireDocker(request.id);
  if (dockerStatus(docker) === 'restarting') throw conflict(`Container ${id} is restarting, wait until the container is running`);
  if (!isRunning(docker)) throw conflict(`container ${id} is not running`);
  const args = (request.psArgs || '-ef').split(/\s+/).filter((arg) => arg !== '');
  if (args.some((arg) => /^-{0,2}[^=]*pid\s*=/.test(arg) || arg.includes('\0')))
    throw invalidArgument(`specifying "${request.psArgs}" is not allowed`);
  const { processes } = await engine.tasks.pids(inDockerNamespace(engine, caller), { id });
  const pids = new Set(processes.map(({ pid }) => String(pid)));
  const [titles = [], ...rows] = (await ps(args))
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/));
  const column = titles.indexOf('PID');
  if (column < 0) throw internal("couldn't find PID field in ps output");
  const table = rows
    .filter((row) => pids.has(row[column] ?? ''))
    .map((row) => ({ items: [...row.slice(0, titles.length - 1), row.slice(titles.length - 1).join(' ')] }));
  emitContainerEvent(engine, id, docker, 'top');
  return { titles, processes: table };
}

function ps(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('ps', [...args], { env: { PATH }, timeout: 10_000, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(internal(`ps: ${stderr.trim().split('\n', 1)[0] || error.message}`, { cause: error }));
    });
  });
}
