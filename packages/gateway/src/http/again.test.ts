import type { FakeAnswers } from '../testing/fake-engine';
import { type GatewayFixture, startGateway } from '../testing/gateway';

let gateway: GatewayFixture;
afterEach(() => gateway.close());

const never = (): Promise<never> => new Promise(() => undefined);

/** The status of a request that an engine took and died over; another one comes in its place. */
async function askOverADeath(
  path: string,
  first: (dies: () => Promise<never>) => FakeAnswers,
  second: FakeAnswers,
  body?: object,
): Promise<number> {
  const taken = Promise.withResolvers<void>();
  const dies = (): Promise<never> => {
    taken.resolve();
    return never();
  };
  gateway = await startGateway(first(dies));
  const answer = gateway.ask('POST', path, body === undefined ? {} : { body });
  await taken.promise;
  await gateway.restartEngine(second);
  return (await answer).status;
}

test('a wait whose engine died before the client was told waits at the next one', async () => {
  const waited = { registered: false, statusCode: 3n, error: '', containerId: 'c1' };
  const status = await askOverADeath(
    '/containers/box/wait?condition=next-exit',
    (dies) => ({
      containers: {
        async *wait() {
          yield await dies();
        },
      },
    }),
    {
      containers: {
        async *wait() {
          yield waited;
        },
      },
    },
  );
  expect(status).toBe(200);
});

test.each([
  ['/containers/box/resize?h=3&w=4', 'resize'],
  ['/exec/e1/resize?h=3&w=4', 'execResize'],
] as const)('a terminal gets its size from the next engine: %s', async (path, method) => {
  let resized: unknown;
  const status = await askOverADeath(path, (dies) => ({ containers: { [method]: dies } }), {
    containers: {
      async [method](_ctx: unknown, request: unknown) {
        resized = request;
        return {};
      },
    },
  });
  expect(status).toBe(200);
  expect(resized).toMatchObject({ height: 3, width: 4 });
});

test('an attach that no client was told of is asked of the next engine', async () => {
  const attached = { registered: true, attachId: 'a1', tty: false, socket: '', logs: undefined, openStdin: false, containerId: 'c1' };
  const status = await askOverADeath(
    '/containers/box/attach?stream=1&stdout=1',
    (dies) => ({
      containers: {
        async *attach() {
          yield await dies();
        },
      },
    }),
    {
      containers: {
        async *attach() {
          yield attached;
        },
      },
    },
  );
  expect(status).toBe(200);
});

test('what changes something is not asked twice', async () => {
  let starts = 0;
  const status = await askOverADeath('/containers/box/start', (dies) => ({ containers: { start: dies } }), {
    containers: {
      async start() {
        starts++;
        return { started: true };
      },
    },
  });
  expect(status).toBeGreaterThanOrEqual(500);
  expect(starts).toBe(0);
});

test.each([
  ['/containers/box/exec', 'containers', 'execCreate', { Cmd: ['true'] }, { id: 'e1' }, 201],
  ['/auth', 'system', 'auth', { username: 'u', password: 'p' }, { status: 'Login Succeeded', identityToken: '' }, 200],
] as const)('%s is asked of the next engine', async (path, service, method, body, given, expected) => {
  const status = await askOverADeath(
    path,
    (dies) => ({ [service]: { [method]: dies } }),
    { [service]: { [method]: async () => given } },
    body,
  );
  expect(status).toBe(expected);
});
