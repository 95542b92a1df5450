import { type ContainersServiceService, CreateRequest, UpdateRequest } from '@gantry/api/gantry/engine/v1/containers';
import { Container } from '@gantry/api/gantry/engine/v1/record';
import { newContext, notFound } from '@gantry/rpc';
import { decide } from './decide';
import { guarded, type GuardNeeds, judge } from './guard';
import { readScopes } from './scope';
import { VERBS } from './verbs';

const container = (id: string, labels: Record<string, string>) => ({
  id,
  docker: Container.fromPartial({ name: id, config: { Labels: labels } }),
});
const containers = [container('mine', { team: 'ci', tier: 'x' }), container('other', { team: 'web' })];
const needs = {
  container: (ref: string) => containers.find(({ id }) => id === ref) ?? fail(ref),
  execContainer: (execId: string) => ({ e1: 'mine', e2: 'other' })[execId],
};
const fail = (ref: string): never => {
  throw notFound(`No such container: ${ref}`);
};
const asked = (scope: object, verb: string, request: object = {}): unknown => {
  const made = readScopes({ s: scope }).get('s');
  if (made === undefined) throw new Error('no scope');
  return decide(needs, made, { verb, request });
};
const labelled = { labels: ['team=ci'] };
const create = (host: object = {}, labels: Record<string, string> = { team: 'ci' }, networking: object = {}) =>
  CreateRequest.fromPartial({ config: { Image: 'busybox', Labels: labels }, hostConfig: host, networkingConfig: networking });

test('a read-only socket changes nothing, whatever is asked', () => {
  const allowed = VERBS.filter((verb) => {
    try {
      asked({ 'read-only': true }, verb);
      return true;
    } catch {
      return false;
    }
  });
  expect(
    allowed.filter((verb) =>
      /create|start|stop|remove|prune|kill|update|rename|exec(?!Inspect)|attach|put|pull|push|load|import|tag|build/i.test(verb),
    ),
  ).toEqual([]);
  expect(allowed).toEqual(expect.arrayContaining(['containers.list', 'containers.logs', 'system.events', 'networks.inspectNetwork']));
  expect(() => asked({ 'read-only': true }, 'containers.kill')).toThrow(
    expect.objectContaining({ kind: 'forbidden', message: 'socket s: containers.kill is refused: the socket is read-only' }),
  );
});

test('verbs are those that are named, with the second halves of their calls', () => {
  const scope = { verbs: ['containers.list', 'containers.attach', 'images.*'] };
  for (const verb of ['containers.list', 'containers.attach', 'containers.attachReady', 'images.pullImage']) asked(scope, verb);
  for (const verb of ['containers.inspect', 'system.getInfo', 'build.image'])
    expect(() => asked(scope, verb)).toThrow('it is not among the verbs of the socket');
});

test('an update that publishes or takes ports back is leave for that, too', () => {
  const update = (change: object): UpdateRequest => UpdateRequest.fromPartial({ id: 'mine', ...change });
  const ports = { '80/tcp': { items: [{ HostIp: '', HostPort: '8080' }] } };
  const scope = { verbs: ['containers.update', 'containers.publish'] };
  asked(scope, 'containers.update', update({}));
  asked(scope, 'containers.update', update({ publish: ports }));
  expect(() => asked(scope, 'containers.update', update({ unpublish: ports }))).toThrow('containers.unpublish is refused');
  expect(() => asked({ verbs: ['containers.update'] }, 'containers.update', update({ publish: ports }))).toThrow(
    'socket s: containers.publish is refused: it is not among the verbs of the socket',
  );
  expect(() => asked(labelled, 'containers.update', update({ id: 'other', publish: ports }))).toThrow('does not have team=ci');
});

test('an update that changes mounts or environment is leave for that, too', () => {
  const update = (change: object): UpdateRequest => UpdateRequest.fromPartial({ id: 'mine', ...change });
  const scope = { verbs: ['containers.update', 'containers.setEnvironment'] };
  asked(scope, 'containers.update', update({ setEnv: ['A=1'], unsetEnv: ['B'] }));
  for (const change of [{ binds: ['/:/host'] }, { mounts: [{ Type: 'bind' }] }])
    expect(() => asked(scope, 'containers.update', update(change))).toThrow('containers.mount is refused');
  expect(() => asked(scope, 'containers.update', update({ unmount: ['/x'] }))).toThrow('containers.unmount is refused');
  asked(labelled, 'containers.update', update({ setEnv: ['A=1'], unmount: ['/x'] }));
  expect(() => asked(labelled, 'containers.update', update({ binds: ['/:/host'] }))).toThrow(
    'containers.mount is refused: a mount reaches beyond the container',
  );
  expect(() => asked(labelled, 'containers.mount', { id: 'mine' })).toThrow('a mount reaches beyond the container');
});

test('labels tell which containers are reached', () => {
  asked(labelled, 'containers.inspect', { id: 'mine' });
  asked(labelled, 'containers.execStart', { id: 'e1' });
  asked(labelled, 'containers.execKill', { id: 'e1' });
  expect(() => asked(labelled, 'containers.execKill', { id: 'e2' })).toThrow('does not have team=ci');
  for (const [verb, id] of [
    ['containers.inspect', 'other'],
    ['containers.remove', 'other'],
    ['containers.getArchive', 'other'],
    ['containers.execStart', 'e2'],
    ['containers.execInspect', 'none'],
  ] as const)
    expect(() => asked(labelled, verb, { id })).toThrow(expect.objectContaining({ kind: 'forbidden' }));
  asked(labelled, 'containers.execCreate', { containerId: 'mine' });
  expect(() => asked(labelled, 'containers.execCreate', { containerId: 'other' })).toThrow('container other does not have');
  expect(() => asked(labelled, 'containers.execCreate', { containerId: 'mine', privileged: true })).toThrow('privileged');
  const connects = { ...labelled, verbs: ['networks.connectNetwork'] };
  asked(connects, 'networks.connectNetwork', { networkId: 'n', containerId: 'mine' });
  expect(() => asked(connects, 'networks.connectNetwork', { networkId: 'n', containerId: 'other' })).toThrow('container other');
  expect(() => asked({ labels: ['team=ci', 'tier=y'] }, 'containers.inspect', { id: 'mine' })).toThrow('does not have team=ci, tier=y');
});

test('lists, prunes and events are narrowed, beside what was asked', () => {
  for (const verb of ['containers.list', 'containers.prune', 'system.events'])
    expect(asked(labelled, verb, { filters: { label: { values: ['a'] }, name: { values: ['b'] } } })).toEqual({
      filters: { label: { values: ['a', 'team=ci'] }, name: { values: ['b'] } },
    });
});

test('what labels do not tell apart is refused unless it is named', () => {
  for (const verb of [
    'containers.commit',
    'images.pullImage',
    'networks.createNetwork',
    'volumes.createVolume',
    'build.image',
    'system.getDiskUsage',
  ]) {
    expect(() => asked(labelled, verb)).toThrow('labels do not tell its objects apart');
    asked({ ...labelled, verbs: [verb] }, verb);
    expect(() => asked({ ...labelled, verbs: [`${verb.split('.')[0]}.*`] }, verb)).toThrow('apart');
  }
  for (const verb of ['system.getVersion', 'images.listImages']) asked(labelled, verb);
});

describe('a container that is made in a scope', () => {
  const make = (request: CreateRequest) => () => asked(labelled, 'containers.create', request);

  test.each([
    {},
    { NetworkMode: 'bridge', RestartPolicy: { Name: 'no' }, Memory: 1n << 24n, PortBindings: { '80/tcp': { items: [] } } },
    { NetworkMode: 'container:mine', IpcMode: 'private', CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] },
  ])('may have %j', (host) => expect(make(create(host))).not.toThrow());

  test.each([
    [{ Privileged: true }, 'Privileged'],
    [{ Binds: ['/:/host'] }, 'Binds'],
    [{ Mounts: [{ Type: 'bind', Source: '/', Target: '/host' }] }, 'Mounts'],
    [{ Devices: [{ PathOnHost: '/dev/sda' }] }, 'Devices'],
    [{ CapAdd: ['SYS_ADMIN'] }, 'CapAdd'],
    [{ PidMode: 'host' }, 'PidMode'],
    [{ PidMode: 'container:other' }, 'PidMode'],
    [{ NetworkMode: 'host' }, 'NetworkMode "host"'],
    [{ NetworkMode: 'container:other' }, 'container other does not have team=ci'],
    [{ NetworkMode: 'backend' }, 'NetworkMode "backend"'],
    [{ IpcMode: 'host' }, 'IpcMode'],
    [{ UsernsMode: 'host' }, 'UsernsMode'],
    [{ CgroupnsMode: 'host' }, 'CgroupnsMode'],
    [{ CgroupParent: '/' }, 'CgroupParent'],
    [{ SecurityOpt: ['seccomp=unconfined'] }, 'SecurityOpt'],
    [{ SecurityOpt: ['no-new-privileges=false'] }, 'SecurityOpt'],
    [{ VolumesFrom: ['other'] }, 'VolumesFrom'],
    [{ Links: ['other:x'] }, 'Links'],
    [{ MaskedPaths: { items: [] } }, 'MaskedPaths'],
    [{ OomScoreAdj: -5n }, 'OomScoreAdj'],
    [{ Runtime: 'other' }, 'Runtime'],
    [{ LogConfig: { Type: 'syslog', Config: {} } }, 'LogConfig'],
  ])('may not have %j', (host, named) =>
    expect(make(create(host))).toThrow(expect.objectContaining({ kind: 'forbidden', message: expect.stringContaining(named) })),
  );

  test('has the labels itself, and no network of others', () => {
    expect(make(create({}, {}))).toThrow('must have the label team=ci');
    expect(make(create({}, { team: 'ci2' }))).toThrow('must have the label');
    expect(make(create({}, undefined, { EndpointsConfig: { backend: {} } }))).toThrow('network backend is not in its scope');
    expect(make(CreateRequest.create())).toThrow('must have the label');
  });
});

test('every decision is written down with who asked, and a socket without a scope may nothing', async () => {
  const lines: unknown[] = [];
  const log = (fields: object, text: string): void => void lines.push([fields, text]);
  const decided: unknown[] = [];
  const guard: GuardNeeds = {
    ...needs,
    scopes: () => readScopes({ watch: { 'read-only': true } }),
    logger: { info: log, warn: log } as unknown as GuardNeeds['logger'],
    decided: (...each) => decided.push(each),
  };
  const done: string[] = [];
  const kill = async (): Promise<object> => {
    done.push('kill');
    return {};
  };
  const handlers = guarded<typeof ContainersServiceService>(guard, 'containers', { kill } as never);
  const over = (apiSocket?: string) => newContext({ operationId: 'op', ...(apiSocket === undefined ? {} : { apiSocket }) });
  const request = { id: 'mine', signal: '' };
  await handlers.kill(over(), request);
  expect([done, lines]).toEqual([['kill'], []]);
  expect(() => handlers.kill(over('watch'), request)).toThrow('read-only');
  expect(() => handlers.kill(over('unknown'), request)).toThrow('the socket has no scope');
  judge(guard, over('watch'), 'containers.list', {});
  expect(done).toEqual(['kill']);
  expect(decided).toEqual([
    ['watch', false],
    ['unknown', false],
    ['watch', true],
  ]);
  expect(lines[0]).toEqual([
    { audit: 'api', socket: 'watch', verb: 'containers.kill', subject: 'mine', operation: 'op' },
    'refused: socket watch: containers.kill is refused: the socket is read-only',
  ]);
});
