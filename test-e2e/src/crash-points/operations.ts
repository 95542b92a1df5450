import { join } from 'node:path';
import { bundles, callApi, command, type CommandResult, type Engine, pinnedNode, pruneVolumes } from '../harness';

/** One thing that a user does. Each begins with nothing but the image busybox, and ends with nothing more than what it was about. */
export interface Operation {
  readonly name: string;
  /** docker commands that come before. */
  readonly before?: readonly (readonly string[])[];
  /** The command whose services are killed: docker's, or one of the engine's own behind the word gantry. */
  readonly act: readonly string[];
  /** What else a user may see when it was cut short: the first word of a container's state, or that it is gone. */
  readonly between?: readonly string[];
  /** Text of what may be there besides when it was cut short: what the client did not come to use stays, as docker has it. */
  readonly besides?: RegExp;
  /** Done again where it was done already, it says so. */
  readonly already?: RegExp;
}

/** A tar of an image that is not there, made once: see prepare. */
export const ARCHIVE = 'other.tar';

const net = ['network', 'create', 'net'];
const create = ['create', '--name', 'one', '--network', 'net', '-v', 'vol:/vol', '-v', '/any', '-p', '127.0.0.1:8080:80', 'busybox'];
const created = [net, [...create, 'sleep', '600']];
const running = [...created, ['start', 'one']];
const ended = [...created, ['start', 'one'], ['kill', 'one']];
const other = ['network', 'create', 'other'];
const mount = ['gantry', 'mount', 'one', 'more:/more', 'type=volume,target=/further'];

export const operations: readonly Operation[] = [
  { name: 'create', before: [net], act: [...create, 'sleep', '600'], besides: /\nvolume vol$/m, already: /already in use/ },
  {
    name: 'create with a copy of what the image has',
    act: ['create', '--name', 'one', '-v', 'vol:/var/www', 'busybox'],
    besides: /\nvolume vol$/m,
    already: /already in use/,
  },
  { name: 'start', before: created, act: ['start', 'one'] },
  { name: 'start on two networks', before: [...created, other, ['network', 'connect', 'other', 'one']], act: ['start', 'one'] },
  {
    name: 'run',
    act: ['run', '-d', '--name', 'one', '-p', '127.0.0.1:8080:80', 'busybox', 'sleep', '600'],
    between: ['created'],
    already: /already in use/,
  },
  { name: 'run --rm', act: ['run', '--rm', '-v', '/any', 'busybox', 'true'], between: ['created', 'running', 'exited'] },
  { name: 'stop', before: running, act: ['stop', '-t', '0', 'one'] },
  { name: 'kill', before: running, act: ['kill', 'one'], already: /is not running/ },
  { name: 'restart', before: running, act: ['restart', '-t', '0', 'one'], between: ['exited'] },
  {
    name: 'restart of a container that goes with its end',
    before: [['run', '-d', '--rm', '--name', 'one', '-v', '/any', 'busybox', 'sleep', '600']],
    act: ['restart', '-t', '0', 'one'],
    between: ['gone'],
    already: /No such container/,
  },
  { name: 'pause', before: running, act: ['pause', 'one'], already: /already paused/ },
  { name: 'unpause', before: [...running, ['pause', 'one']], act: ['unpause', 'one'], already: /not paused/ },
  { name: 'rm', before: ended, act: ['rm', '-v', 'one'], already: /No such container/ },
  { name: 'rm -f', before: running, act: ['rm', '-fv', 'one'], between: ['exited'], already: /No such container/ },
  { name: 'exec', before: running, act: ['exec', 'one', 'true'], besides: /, execs \d+/ },
  {
    name: 'connect',
    before: [...running, other],
    act: ['network', 'connect', '--alias', 'further', 'other', 'one'],
    already: /already exists in network/,
  },
  { name: 'disconnect', before: running, act: ['network', 'disconnect', 'net', 'one'], already: /is not connected/ },
  { name: 'rename', before: running, act: ['rename', 'one', 'two'], already: /No such container/ },
  { name: 'update', before: running, act: ['update', '--memory', '64m', '--memory-swap', '64m', 'one'] },
  { name: 'commit', before: running, act: ['commit', 'one', 'made:1'] },
  { name: 'cp', before: running, act: ['cp', '/etc/hostname', 'one:/root/'] },
  { name: 'container prune', before: ended, act: ['container', 'prune', '-f'] },
  { name: 'volume create', act: ['volume', 'create', 'vol'] },
  { name: 'volume rm', before: [['volume', 'create', 'vol']], act: ['volume', 'rm', 'vol'], already: /no such volume/i },
  { name: 'volume prune', before: [['volume', 'create', 'vol']], act: pruneVolumes() },
  { name: 'network create', act: net, already: /already exists/ },
  { name: 'network rm', before: [net], act: ['network', 'rm', 'net'], already: /not found/ },
  { name: 'network prune', before: [net], act: ['network', 'prune', '-f'] },
  { name: 'image load', act: ['load', '-q', '-i', ARCHIVE] },
  { name: 'image tag', act: ['tag', 'busybox', 'further:1'] },
  { name: 'image rm', before: [['load', '-q', '-i', ARCHIVE]], act: ['rmi', 'other:1'], already: /No such image/ },
  { name: 'image prune', before: [['load', '-q', '-i', ARCHIVE]], act: ['image', 'prune', '-af', '--filter', 'label=other'] },
  { name: 'mount', before: created, act: mount, besides: /\nvolume more$/m, already: /Duplicate mount point/ },
  { name: 'mount on one that runs', before: running, act: mount, besides: /\nvolume more$/m, already: /Duplicate mount point/ },
  { name: 'unmount', before: created, act: ['gantry', 'unmount', 'one', '/vol'], already: /nothing is mounted/ },
  { name: 'publish', before: running, act: ['gantry', 'publish', 'one', '127.0.0.1:8081:81'], already: /already allocated/ },
  { name: 'unpublish', before: running, act: ['gantry', 'unpublish', 'one', '80'], already: /No public port/ },
];

/** A command of the list; the archive lies in the engine's folder. */
export function docker(engine: Engine, args: readonly string[]): Promise<CommandResult> {
  const [first, ...rest] = args;
  if (first === 'gantry') return command(pinnedNode, [join(bundles, 'gantry.cjs'), ...rest, '-H', `unix://${engine.socket}`]);
  return engine.docker(args.map((word) => (word === ARCHIVE ? join(engine.folder, ARCHIVE) : word)));
}

export async function must(engine: Engine, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await docker(engine, args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
}

/** Makes the archive of an image that has one file more than busybox. */
export async function prepare(engine: Engine): Promise<void> {
  for (const args of [
    ['run', '--name', 'maker', 'busybox', 'touch', '/other'],
    ['commit', '-c', 'LABEL other=1', 'maker', 'other:1'],
    ['cp', '/etc/hostname', 'maker:/root/'], // makes the folder of views
    ['save', '-o', ARCHIVE, 'other:1'],
    ['rm', 'maker'],
    ['rmi', 'other:1'],
  ])
    await must(engine, args);
}

/** Takes everything away that operations make, whatever is there of it; containers called stays… are a test's own. */
export async function clear(engine: Engine): Promise<void> {
  const call = async (method: string, path: string): Promise<string> => {
    const { status, body } = await callApi(engine, method, path);
    if (status >= 400 && status !== 404) throw new Error(`${method} ${path}: ${status} ${body}`);
    return body;
  };
  const containers = JSON.parse(await call('GET', '/containers/json?all=1')) as { Id: string; Names: string[] }[];
  const own = containers.filter(({ Names }) => Names.every((name) => !name.startsWith('/stays')));
  await Promise.all(own.map(({ Id }) => call('DELETE', `/containers/${Id}?force=1&v=1`)));
  const all = (filter: string): string => `filters=${encodeURIComponent(JSON.stringify({ [filter]: ['true'] }))}`;
  await Promise.all([
    call('POST', '/networks/prune'),
    call('POST', `/volumes/prune?${all('all')}`),
    ...['made:1', 'further:1', 'other:1'].map((name) => call('DELETE', `/images/${name}?force=1`)),
  ]);
  await call('POST', `/images/prune?${all('dangling')}`);
}
