import type { ServiceSpec } from '@gantry/service';
import { compose } from './compose';
import { checkConfig, defaults, type GatewayConfig, heldAddresses } from './config';

/** The gateway as its main.ts and the launcher know it. */
export const service: ServiceSpec<GatewayConfig> = {
  name: 'gateway',
  binary: 'gantryd',
  version: process.env['GANTRY_VERSION'] ?? '0.0.0',
  summary: 'the Docker Engine API, in front of gantry-supervisor',
  defaults,
  flags: {
    host: {
      type: 'list',
      key: 'hosts',
      value: 'URL',
      help: 'unix:///path, tcp://address:port or fd://; may be repeated (default unix://RUN/docker.sock)',
    },
    group: { type: 'string', value: 'NAME', help: 'group that may use the unix sockets (default docker)' },
    'min-api-version': { type: 'string', value: 'VERSION', help: 'oldest version of the API for clients (default 1.24)' },
    tls: { type: 'boolean', help: 'serve TCP with TLS' },
    tlsverify: { type: 'boolean', help: "serve TCP with TLS and ask for the client's certificate" },
    tlscacert: { type: 'string', value: 'FILE', help: "authority of the clients' certificates (PEM)" },
    tlscert: { type: 'string', value: 'FILE', help: "the server's certificate (PEM)" },
    tlskey: { type: 'string', value: 'FILE', help: "the server's key (PEM)" },
  },
  check: checkConfig,
  listens: (config) => heldAddresses(config, config.run),
  compose,
};
