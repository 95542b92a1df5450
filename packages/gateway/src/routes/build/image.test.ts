import { text } from 'node:stream/consumers';
import { type BuildImageRequest, Builder } from '@gantry/api/gantry/build/v1/build';
import { InspectResponse } from '@gantry/api/gantry/engine/v1/containers';
import { internal, withDetail } from '@gantry/rpc';
import { type GatewayFixture, startGateway } from '../../testing/gateway';

const EXIT = { typeUrl: 'github.com/moby/buildkit/gatewayapi.ExitMessage+json', value: Buffer.from('{"Code":3}') };
let gateway: GatewayFixture;
const asked: BuildImageRequest[] = [];
const bodies: string[] = [];
beforeAll(async () => {
  gateway = await startGateway((broker) => ({
    containers: {
      inspect: (_ctx, { id }) => Promise.resolve(InspectResponse.fromPartial({ container: { Id: `id-of-${id}` } })),
    },
    builder: {
      build: {
        buildImage: async (_ctx, request, send) => {
          asked.push(request);
          if (request.builder === Builder.BUILDER_CLASSIC) {
            await send({ text: 'Step 1/1 : FROM a' });
            if (request.target === 'fails') throw withDetail(internal('it failed'), EXIT);
            return send({ imageId: 'sha256:1' });
          }
          const body = Promise.withResolvers<string>();
          await send({ ticket: broker.offer(async (stream) => body.resolve(await text(stream))) });
          bodies.push(await body.promise);
          await send({ trace: Buffer.from('x') });
          await send({ imageId: 'sha256:1' });
        },
      },
    },
  }));
});
afterAll(() => gateway.close());

const query = (values: Record<string, string>): string => new URLSearchParams(values).toString();

test('the body goes to the builder, and what is told comes as docker’s clients read it', async () => {
  const parameters = query({
    version: '2',
    t: 'a',
    dockerfile: 'D',
    buildargs: '{"A":"b","N":null}',
    labels: '{"l":"m"}',
    ulimits: '[{"Name":"nofile","Soft":1,"Hard":2}]',
    shmsize: '7',
  });
  const auths = Buffer.from('{"r:5":{"username":"u","password":"p"}}').toString('base64url');
  const answer = await gateway.ask('POST', `/v1.47/build?${parameters}`, { body: 'tar', headers: { 'X-Registry-Config': auths } });
  expect(answer.text).toBe('{"id":"moby.buildkit.trace","aux":"eA=="}\r\n{"id":"moby.image.id","aux":{"ID":"sha256:1"}}\r\n');
  expect(bodies).toEqual(['tar']);
  expect(asked[0]).toMatchObject({
    builder: Builder.BUILDER_BUILDKIT,
    dockerfile: 'D',
    tags: ['a'],
    buildArgs: [{ name: 'A', value: 'b' }, { name: 'N' }],
    labels: { l: 'm' },
    ulimits: [{ name: 'nofile', soft: 1n, hard: 2n }],
    shmSize: 7n,
    remove: true,
    auths: { 'r:5': { username: 'u', password: 'p' } },
  });
});

test('quiet: the image alone', async () => {
  expect((await gateway.ask('POST', '/v1.47/build?version=2&q=1', { body: 'tar' })).text).toBe('{"stream":"sha256:1\\n"}\r\n');
});

test('the classic builder: text, an aux line with the image, and the exit code of what failed', async () => {
  expect((await gateway.ask('POST', '/v1.47/build')).text).toBe('{"stream":"Step 1/1 : FROM a"}\r\n{"aux":{"ID":"sha256:1"}}\r\n');
  expect((await gateway.ask('POST', '/v1.47/build?target=fails')).text).toContain(
    '{"errorDetail":{"code":3,"message":"it failed"},"error":"it failed"}',
  );
});

test('the builder is told the id of a container whose network is named, the classic one alone', async () => {
  const modeOf = async (parameters: string): Promise<string | undefined> => {
    await gateway.ask('POST', `/v1.47/build?${parameters}`, { body: 'tar' });
    return asked.at(-1)?.networkMode;
  };
  expect(await modeOf('networkmode=container:web')).toBe('container:id-of-web');
  expect(await modeOf('networkmode=web')).toBe('web');
  expect(await modeOf('version=2&networkmode=container:web')).toBe('container:web');
});

test.each([
  ['version=3', 'invalid version "3"'],
  ['securityopt=x', 'security options are not supported on linux'],
  ['isolation=hyperv', 'unsupported isolation: "hyperv"'],
  ['squash=1', 'squash is only supported with experimental mode'],
  ['buildargs=[]', 'error reading build args: buildargs is not a map'],
  ['cachefrom={}', 'error reading cache-from: cachefrom is not a list of strings'],
])('%s is refused by name', async (parameters, message) => {
  const answer = await gateway.ask('POST', `/v1.47/build?${parameters}`);
  expect([answer.status, answer.json()]).toEqual([400, { message }]);
});
