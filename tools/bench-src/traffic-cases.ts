import type { Engine } from '../../test-e2e/src/harness/engine';
import { importDebian } from '../../test-e2e/src/projects/debian';
import type { BenchCase } from './cases';
import { end } from './engine-cases';
import { must } from './must';

/** How fast bytes and requests go: iperf3 and nginx under wrk, of Debian's packages. Each sample is what a round number of them takes, so that less is better. */

const IMAGE = 'bench-traffic';
const SECONDS = 3;
const CONF =
  'worker_processes 1; error_log /dev/stderr; pid /tmp/nginx.pid; events { worker_connections 512; } ' +
  'http { access_log off; server { listen 80; location / { return 200 "hello\\n"; } } }';

const serve = async (engine: Engine, ...args: string[]): Promise<void> => {
  if ((await engine.docker(['image', 'inspect', IMAGE])).code !== 0)
    await importDebian(engine, IMAGE, { packages: ['iperf3', 'nginx-light', 'wrk'] });
  await must(engine, 'run', '-d', '--name', 'bench-server', '-p', '5201:5201', '-p', '8080:80', IMAGE, ...args);
};

/** Where a client of the host's finds what is published: the address that the kernel's rules lead on, or the loopback, which a program passes on. */
const hostOf = (engine: Engine, way: Way): Promise<string> =>
  way === 'through a published port'
    ? must(engine, 'network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'bridge')
    : way === 'through a port on 127.0.0.1'
      ? Promise.resolve('127.0.0.1')
      : must(engine, 'inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'bench-server');

const WAYS = ['container to container', 'through a published port', 'through a port on 127.0.0.1'] as const;
type Way = (typeof WAYS)[number];

const client = async (engine: Engine, way: Way, ...args: readonly string[]): Promise<string> =>
  must(engine, 'run', '--rm', '--network', way === 'container to container' ? 'bridge' : 'host', IMAGE, ...args);

const traffic = (
  what: string,
  server: readonly string[],
  sample: (engine: Engine, way: Way, host: string) => Promise<number>,
): BenchCase[] =>
  WAYS.map((way) => ({
    name: `network: ${what}, ${way}`,
    heavy: true,
    share: 0.2,
    setup: (engine) => serve(engine, ...server),
    sample: async (engine) => sample(engine, way, await hostOf(engine, way)),
    teardown: end,
  }));

export const trafficCases: readonly BenchCase[] = [
  ...traffic('a GiB by iperf3', ['iperf3', '-s'], async (engine, way, host) => {
    const told = JSON.parse(await client(engine, way, 'iperf3', '-c', host, '-t', String(SECONDS), '-J')) as {
      readonly end: { readonly sum_received: { readonly bits_per_second: number } };
    };
    return (2 ** 33 / told.end.sum_received.bits_per_second) * 1000;
  }),
  ...traffic(
    '10,000 requests of nginx by wrk',
    [
      'sh',
      '-c',
      `mkdir -p /var/lib/nginx /var/log/nginx; echo '${CONF}' > /etc/bench.conf; exec nginx -c /etc/bench.conf -g 'daemon off;'`,
    ],
    async (engine, way, host) => {
      const port = way === 'container to container' ? 80 : 8080;
      const told = await client(engine, way, 'wrk', '-t', '1', '-c', '32', '-d', String(SECONDS), `http://${host}:${port}/`);
      const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(told)?.[1]);
      if (!(rate > 0) || /Non-2xx|Socket errors/.test(told)) throw new Error(`${engine.kind}: wrk: ${told}`);
      return 1e7 / rate;
    },
  ),
];
