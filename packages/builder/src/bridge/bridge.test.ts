import { ResolveSourceMetaRequest } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { Policy, PolicyAction } from '@gantry/api/moby/buildkit/v1/sourcepolicy/policy';
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BuildHistoryEventType, BuildHistoryRequest, type Descriptor, SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { Span } from '@gantry/api/opentelemetry/proto/trace/v1/trace';
import { Op } from '@gantry/api/pb/ops';
import { Status } from '@gantry/api/google/rpc/status';
import { sha256 } from '@gantry/oci';
import { internal, newContext, notFound, silentLogger } from '@gantry/rpc';
import { makeProcessors } from '../attest/processors';
import { recordStatements } from '../attest/statements';
import { otherThanImage, type Frontend, type FrontendResult } from '../frontend/frontend';
import type { HistoryBlobs } from '../history/blobs';
import { BuildHistory } from '../history/history';
import { HistoryRecords } from '../history/records';
import { historyTables } from '../history/tables';
import { StoredKeys } from '../solver';
import { keysTables } from '../solver/store/schema';
import { define, FakeRefs, fakeSolver, type Script } from '../solver/testing/fakes';
import type { Source } from '../sources/source';
import { openBuildStore } from '../store';
import { buildSpan } from '../traces/build-spans';
import { TraceStore } from '../traces/trace-store';
import { solverJob } from './make-jobs';
import { makeJobs } from '.';

const ctx = newContext();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bridge-'));
  mkdirSync(join(folder, 'etc'));
  writeFileSync(join(folder, 'etc/passwd'), 'root of the tree', { mode: 0o640 });
  symlinkSync('/etc', join(folder, 'link'));
  symlinkSync('../../../../../../etc', join(folder, 'up'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const store = () => openBuildStore(':memory:', [keysTables, historyTables]);
const base = { name: 'docker-image://docker.io/library/busybox:latest' };
const context = { name: 'local://context' };

function jobsOf(frontends: Record<string, Frontend> = {}, scripts: Record<string, Script> = {}) {
  const refs = new FakeRefs();
  const trees = {
    withTree: <T>(_ctx: unknown, _ref: unknown, use: (path: string) => Promise<T>) => use(folder),
    layers: () => [],
    dropCacheTrees: () => undefined,
  };
  const local: Source = {
    schemes: ['local'],
    open: () => {
      throw internal('not here');
    },
    resolve: (_step, request) => Promise.resolve({ Source: request.Source, Image: undefined, Git: undefined, HTTP: undefined }),
  };
  const image: Source = {
    schemes: ['docker-image'],
    open: () => {
      throw internal('not here');
    },
    resolve: (_step, request) =>
      Promise.resolve({
        Source: request.Source,
        Image: { Digest: sha256('image'), Config: Buffer.from('{"a":1}'), AttestationChain: undefined },
        Git: undefined,
        HTTP: undefined,
      }),
  };
  const solver = fakeSolver(new StoredKeys(store()), refs, scripts);
  const sessions = { find: (id: string) => Promise.reject(notFound(id)) };
  const jobs = makeJobs({
    solver,
    sessions,
    frontends: new Map(Object.entries(frontends)),
    sources: [image, local],
    refs: trees,
    logger: silentLogger,
    importCaches: () => Promise.resolve([]),
  });
  return { jobs, refs, trees, solver };
}

/** Where provenance looks for the trees of steps that were passed over: none here. */
const known = (refs: { layers(): never[] }) => ({ refs: { ...refs, knows: () => false }, keys: { results: () => [] } });

const wish = (id: string, more: object = {}) => ({ id, sessionId: 's', entitlements: new Set<string>(), sourcePolicy: undefined, ...more });
const solveWish = (more: object) => ({
  frontend: '',
  options: new Map<string, string>(),
  inputs: new Map(),
  evaluate: false,
  cacheImports: [],
  ...more,
});

test('an outcome is solved when it is asked for, and looked into without leaving it', async () => {
  const { jobs, solver, refs } = jobsOf();
  const job = jobs.open(ctx, wish('1'));
  const { outcomes } = await job.bridge.solve(ctx, solveWish({ definition: define(context) }));
  const outcome = outcomes.get('');
  if (outcome === undefined) throw internal('no outcome');
  expect(solver.ran).toEqual([]);
  for (const path of ['/etc/passwd', 'link/passwd', '/up/passwd'])
    expect((await job.bridge.readFile(ctx, outcome, path)).toString()).toBe('root of the tree');
  expect((await job.bridge.readFile(ctx, outcome, 'etc/passwd', { offset: 5, length: 2 })).toString()).toBe('of');
  await expect(job.bridge.readFile(ctx, outcome, '/etc')).rejects.toThrow('read /etc: is a directory');
  await expect(job.bridge.readFile(ctx, outcome, '/nope')).rejects.toMatchObject({
    kind: 'notFound',
    message: 'open /nope: no such file or directory',
  });
  expect((await job.bridge.readDir(ctx, outcome, '/', '')).map(({ path, linkname }) => [path, linkname])).toEqual([
    ['etc', ''],
    ['link', '/etc'],
    ['up', '../../../../../../etc'],
  ]);
  expect((await job.bridge.readDir(ctx, outcome, '/', 'l*')).map(({ path }) => path)).toEqual(['link']);
  expect(await job.bridge.statFile(ctx, outcome, '/etc/passwd')).toMatchObject({ path: 'passwd', mode: 0o640, size: 16n });
  expect((await job.bridge.statFile(ctx, outcome, 'link')).mode & (2 ** 27)).not.toBe(0);
  expect(solver.ran).toEqual(['local://context']);
  await job.close();
  expect(refs.held).toBe(0);
});

test('rules of one request go with those of the build', async () => {
  const { jobs, solver } = jobsOf();
  const deny = Policy.fromPartial({ rules: [{ action: PolicyAction.DENY, selector: { identifier: base.name } }] });
  const elsewhere = Policy.fromPartial({
    rules: [{ action: PolicyAction.CONVERT, selector: { identifier: base.name }, updates: { identifier: 'local://other' } }],
  });
  const job = jobs.open(ctx, wish('p'));
  const { outcomes } = await job.bridge.solve(ctx, solveWish({ definition: define(base), policies: [deny] }));
  await expect(outcomes.get('')?.tree(ctx)).rejects.toThrow('source denied by policy');
  const asked = { Source: { identifier: base.name, attrs: {} } };
  const request = (SourcePolicies: Policy[]) => ResolveSourceMetaRequest.fromPartial({ ...asked, SourcePolicies });
  await expect(job.bridge.resolveSource(ctx, request([deny]))).rejects.toThrow('source denied by policy');
  expect((await job.bridge.resolveSource(ctx, request([]))).Source?.identifier).toBe(base.name);
  const image = { platform: undefined, mode: 'default', logName: 'x', policies: [elsewhere] } as const;
  const failure: unknown = await job.bridge.resolveImage(ctx, 'docker.io/library/busybox:latest', image).catch((error: unknown) => error);
  expect(otherThanImage(failure)).toBe('local://other');
  expect(solver.ran).toEqual([]);
  await job.close();
});

test('what a definition asks for beyond the entitlements is refused, and a frontend that is none', async () => {
  const { jobs } = jobsOf();
  const job = jobs.open(ctx, wish('2'));
  const definition = define({ name: 'run', inputs: [base] });
  await expect(job.bridge.solve(ctx, solveWish({ definition, frontend: 'f' }))).rejects.toThrow(
    'cannot solve with both Definition and Frontend',
  );
  await expect(job.bridge.solve(ctx, solveWish({ frontend: 'f' }))).rejects.toThrow('invalid frontend: f');
  expect((await job.bridge.solve(ctx, solveWish({}))).outcomes.size).toBe(0);
  await job.close();
});

const frontend: Frontend = {
  async solve(_ctx, bridge) {
    await bridge.resolveImage(ctx, 'docker.io/library/alpine:3', {
      platform: undefined,
      mode: 'default',
      logName: '[internal] load metadata',
    });
    const { outcomes } = await bridge.solve(ctx, solveWish({ definition: define({ name: 'run', inputs: [base, context] }) }));
    return {
      outcomes,
      metadata: new Map([['containerimage.config', Buffer.from('{"os":"linux","architecture":"amd64"}')]]),
      attestations: new Map(),
    };
  },
};
const pins: Record<string, Script> = { [base.name]: { pin: sha256('busybox') } };

async function built(options: Record<string, string>, id: string, scripts: Record<string, Script> = pins) {
  const made = jobsOf({ 'dockerfile.v0': frontend }, scripts);
  const job = made.jobs.open(ctx, wish(id));
  const result = await job.bridge.solve(
    ctx,
    solveWish({ frontend: 'dockerfile.v0', options: new Map(Object.entries(options)), evaluate: true }),
  );
  return { ...made, job, result };
}

async function predicateOf(result: FrontendResult): Promise<Record<string, never>> {
  const [attestation] = result.attestations.get('linux/amd64') ?? [];
  return JSON.parse(((await attestation?.content?.()) ?? Buffer.from('{}')).toString()) as Record<string, never>;
}

test('provenance: materials, arguments, steps; mode min hides build arguments; v1 says the same', async () => {
  const options = {
    context: 'https://user:secret@host/repo.git',
    filename: 'Dockerfile',
    'build-arg:A': 'b',
    'vcs:source': 'https://u:p@h/r',
    platform: 'x',
  };
  const { job, result, trees } = await built({ ...options, 'attest:provenance': 'mode=max,builder-id=me' }, '3');
  const process = (attributes: string) => makeProcessors(known(trees))(new Map([['attest:provenance', attributes]]))[0]?.(ctx, result, job);
  const max = await predicateOf((await process('mode=max,builder-id=me')) ?? result);
  expect(max).toMatchObject({
    builder: { id: 'me' },
    buildType: 'https://mobyproject.org/buildkit@v1',
    materials: [
      { uri: 'pkg:docker/alpine@3', digest: { sha256: sha256('image').slice(7) } },
      {
        uri: expect.stringMatching(/^pkg:docker\/busybox@latest\?platform=linux%2F/) as string,
        digest: { sha256: sha256('busybox').slice(7) },
      },
    ],
    invocation: {
      configSource: { uri: 'https://xxxxx:xxxxx@host/repo.git', entryPoint: 'Dockerfile' },
      parameters: { frontend: 'dockerfile.v0', args: { 'build-arg:A': 'b' }, locals: [{ name: 'context' }] },
    },
    buildConfig: {
      llbDefinition: [
        { id: 'step0', op: { Op: { source: { identifier: base.name } } } },
        { id: 'step1' },
        { id: 'step2', inputs: ['step0:0', 'step1:0'] },
        { id: 'step3' },
      ],
    },
    metadata: {
      completeness: { parameters: true, environment: true, materials: false },
      'https://mobyproject.org/buildkit@v1#metadata': { vcs: { source: 'https://xxxxx:xxxxx@h/r' } },
    },
  });
  const min = await predicateOf((await process('mode=min')) ?? result);
  expect(min['buildConfig']).toBeUndefined();
  expect(JSON.stringify(min)).not.toContain('build-arg:A');
  expect(min).toMatchObject({ metadata: { completeness: { parameters: false } } });
  expect(JSON.stringify([max, min])).not.toMatch(/secret|u:p/);
  const v1 = await predicateOf((await process('version=v1')) ?? result);
  expect(v1).toMatchObject({
    buildDefinition: { externalParameters: { configSource: { path: 'Dockerfile' } }, resolvedDependencies: [{}, {}] },
    runDetails: { metadata: { invocationID: expect.any(String) as string } },
  });
  expect(() => makeProcessors(known(trees))(new Map([['attest:vex', '']]))).toThrow('unknown attestation type "vex"');
  expect(() => makeProcessors(known(trees))(new Map([['attest:provenance', 'mode=loud']]))).toThrow('invalid mode "loud"');
  await job.close();
});

class FakeBlobs implements Pick<HistoryBlobs, 'add' | 'read' | 'result' | 'drop' | 'settled'> {
  readonly held = new Map<string, Buffer>();
  add(bytes: Buffer, mediaType: string): Descriptor {
    this.held.set(sha256(bytes), bytes);
    return { mediaType, digest: sha256(bytes), size: BigInt(bytes.length), annotations: {} };
  }
  settled(): Promise<void> {
    return Promise.resolve();
  }
  async *read(_ctx: unknown, digest: string) {
    const bytes = this.held.get(digest) ?? Buffer.alloc(0);
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
  }
  result(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  drop(_ctx: unknown, digests: readonly string[]): Promise<void> {
    for (const digest of digests) this.held.delete(digest);
    return Promise.resolve();
  }
}

test('a list of contents is made by the scanner, where the frontend has made none', async () => {
  const scanner = { Image: { Digest: sha256('scanner'), Config: Buffer.from('{"config":{"Entrypoint":["/scan"],"Env":["A=b"]}}') } };
  const { job, result, trees } = await built({}, 'sbom');
  const asked = jest
    .spyOn(job.bridge, 'resolveImage')
    .mockResolvedValue({ reference: 'docker.io/s/s:1', digest: scanner.Image.Digest, config: scanner.Image.Config });
  const [process] = makeProcessors(known(trees))(new Map([['attest:sbom', 'generator=s/s:1,LIMIT=9']]));
  const scanned = (await process?.(ctx, result, job)) ?? result;
  expect(asked.mock.calls[0]?.[1]).toBe('docker.io/s/s:1');
  const [attestation] = scanned.attestations.get('linux/amd64') ?? [];
  expect(attestation).toMatchObject({ kind: 'bundle', predicateType: 'https://spdx.dev/Document' });
  const ops = attestation?.tree?.definition?.def.map((bytes) => Op.decode(bytes)) ?? [];
  const run = ops.find(({ exec }) => exec?.meta?.args[0] === '/scan')?.exec;
  expect(run?.meta?.env).toEqual([
    'A=b',
    'BUILDKIT_SCAN_DESTINATION=/run/out/',
    'BUILDKIT_SCAN_SOURCE=/run/src/core/sbom',
    'BUILDKIT_SCAN_LIMIT=9',
  ]);
  expect(run?.mounts.map(({ dest, readonly }) => [dest, readonly])).toContainEqual(['/run/src/core/sbom', true]);
  expect((await process?.(ctx, scanned, job))?.attestations).toBe(scanned.attestations);
  await job.close();
});

test('records of builds: started, complete with logs, provenance and error; pinned, deleted, kept by number', async () => {
  const blobs = new FakeBlobs();
  const { job, result, trees, jobs } = await built({}, 'b1', {
    ...pins,
    run: { run: ({ progress }) => (progress.log(1, Buffer.from('hello')), Promise.resolve([undefined])) },
  });
  const traces = new TraceStore();
  const history = new BuildHistory({
    records: new HistoryRecords(store()),
    blobs: blobs as unknown as HistoryBlobs,
    logger: silentLogger,
    progressOf: (each) => solverJob(each)?.progress,
    statements: recordStatements(known(trees)),
    keep: { entries: 1, ageMs: -1 },
    traces,
    traceWaitMs: 60_000,
  });
  const listening = new AbortController();
  const heard: [BuildHistoryEventType, string | undefined][] = [];
  const listened = (async () => {
    for await (const { type, record } of history.listen(newContext({ signal: listening.signal }), BuildHistoryRequest.fromPartial({})))
      heard.push([type, record?.Ref]);
  })();
  const request = SolveRequest.fromPartial({ Ref: 'b1', Frontend: 'dockerfile.v0', FrontendAttrs: { context: 'https://u:p@h/x' } });
  const finish = history.begin(ctx, job, request);
  await finish({ result, response: new Map([['k', 'v']]) });
  await job.close();
  const all = async (filter: object) => {
    const events = [];
    for await (const event of history.listen(ctx, BuildHistoryRequest.fromPartial({ EarlyExit: true, ...filter }))) events.push(event);
    return events;
  };
  const [event] = await all({ Ref: 'b1' });
  expect(event).toMatchObject({
    type: BuildHistoryEventType.COMPLETE,
    record: {
      Ref: 'b1',
      FrontendAttrs: { context: 'https://xxxxx:xxxxx@h/x' },
      ExporterResponse: { k: 'v' },
      numTotalSteps: 4,
      numCompletedSteps: 4,
      logs: { mediaType: 'application/vnd.buildkit.status.v0' },
    },
  });
  expect(blobs.held.get(event?.record?.logs?.digest ?? '')?.toString()).toContain('hello');
  expect(event?.record?.Result?.Attestations[0]?.annotations).toEqual({ 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' });
  // The client's own spans come when it was answered, and the record is whole when somebody wants it so.
  expect(event?.record?.trace).toBeUndefined();
  const { traceId } = buildSpan(ctx);
  const span = Span.fromPartial({ traceId: Buffer.from(traceId, 'hex'), spanId: Buffer.alloc(8, 1), name: 'of the client' });
  traces.take([{ span, resource: [], scope: { name: 'buildx', version: '', schemaUrl: '' } }]);
  await history.update(ctx, { Ref: 'b1', Pinned: false, Delete: false, Finalize: true });
  const [whole] = await all({ Ref: 'b1' });
  expect(whole?.record).toMatchObject({ trace: { mediaType: 'application/vnd.buildkit.otlp.json.v0' }, Generation: 1 });
  const trace = blobs.held.get(whole?.record?.trace?.digest ?? '')?.toString() ?? '';
  expect([...trace.matchAll(/^ {2}"Name": "(.*)"/gm)].map(([, name]) => name)).toEqual(
    expect.arrayContaining(['moby.buildkit.v1.Control/Solve', 'of the client']),
  );

  const told = [];
  for await (const { logs } of (await history.replay(ctx, 'b1')) ?? []) told.push(...logs.map(({ msg }) => msg.toString()));
  expect(told).toEqual(['hello']);
  expect(await history.replay(ctx, 'nope')).toBeUndefined();

  const failed = jobs.open(ctx, wish('b2'));
  await history.begin(ctx, failed, SolveRequest.fromPartial({ Ref: 'b2' }))({ error: internal('it broke') });
  await failed.close();
  const [second] = await all({ Filter: ['status==error'] });
  expect(second?.record).toMatchObject({ Ref: 'b2', error: { message: 'it broke', details: [] } });
  expect(Status.decode(blobs.held.get(second?.record?.externalError?.digest ?? '') ?? Buffer.alloc(0)).message).toBe('it broke');
  // One record is kept beside those that are pinned: the second has taken the first one's place.
  expect((await all({})).map(({ record }) => record?.Ref)).toEqual(['b2']);
  for (const gone of [event?.record?.logs, whole?.record?.trace]) expect(blobs.held.has(gone?.digest ?? '')).toBe(false);
  await history.update(ctx, { Ref: 'b2', Pinned: true, Delete: false, Finalize: false });
  expect((await all({ Filter: ['duration<1h', 'ref==nobody'] }))[0]?.record).toMatchObject({ pinned: true, Generation: 1 });
  await expect(history.update(ctx, { Ref: 'nope', Pinned: true, Delete: false, Finalize: false })).rejects.toMatchObject({
    kind: 'notFound',
  });
  await history.update(ctx, { Ref: 'b2', Pinned: false, Delete: true, Finalize: false });
  expect(await all({})).toEqual([]);
  await history.settled();
  listening.abort();
  await listened;
  const { STARTED, COMPLETE, DELETED } = BuildHistoryEventType;
  expect(heard).toEqual([
    [STARTED, 'b1'],
    [COMPLETE, 'b1'],
    [COMPLETE, 'b1'], // with its trace
    [STARTED, 'b2'],
    [COMPLETE, 'b2'],
    [DELETED, 'b1'],
    [COMPLETE, 'b2'], // pinned
    [COMPLETE, 'b2'], // with its trace
    [DELETED, 'b2'],
  ]);
});
