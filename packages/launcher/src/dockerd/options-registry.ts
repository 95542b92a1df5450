import { invalidArgument } from '@gantry/rpc';
import { also, as, both, type DockerdOption } from './option';
import type { Plan } from './plan';
import { bytesOf, type Value } from './values';

const proxy = (name: 'http-proxy' | 'https-proxy' | 'no-proxy'): DockerdOption => ({
  flag: name,
  type: 'string',
  help: 'proxy to registries; in daemon.json below "proxies"',
  take: also('build', `proxies.${name}`, as('images', `proxies.${name}`)),
});

/** The images service counts by it, the supervisor tells it in the `reload` event; 0 is what they have by default. */
function takeCount(plan: Plan, key: string, value: Value): void {
  if (value === 0) return;
  plan.set('images', key, value);
  plan.set('supervisor', key, value);
}

/** Of overlay2's two the one that is left: the other one, override_kernel_check, has gone from dockerd. */
function takeStorageOptions(plan: Plan, options: Value): void {
  for (const option of options as readonly string[]) {
    const at = option.indexOf('=');
    if (at < 0) throw invalidArgument(`unable to parse storage-opt key/value: ${option}`);
    const key = option.slice(0, at).trim().toLowerCase();
    if (key !== 'overlay2.size') throw invalidArgument(`overlay2: unknown option ${key}`);
    plan.set('images', 'container-size', String(bytesOf(option.slice(at + 1), 'storage-opt overlay2.size')));
  }
}

/** Images: registries and where layers are kept. */
export const registryOptions: readonly DockerdOption[] = [
  {
    flag: 'registry-mirror',
    key: 'registry-mirrors',
    type: 'list',
    help: 'registry that is asked before docker.io',
    reloads: 'or-stays',
    take: (plan, value) => {
      plan.set('images', 'registry-mirrors', value);
      plan.set('supervisor', 'registry-mirrors', value);
      plan.set('build', 'registry-mirrors', value);
    },
  },
  {
    flag: 'insecure-registry',
    key: 'insecure-registries',
    type: 'list',
    help: 'registry without a valid certificate',
    reloads: 'or-stays',
    take: (plan, value) => {
      plan.set('images', 'insecure-registries', value);
      plan.set('supervisor', 'insecure-registries', value);
      plan.set('build', 'insecure-registries', value);
    },
  },
  both('max-concurrent-downloads', {
    type: 'int',
    help: 'layers that are pulled at once (default 3)',
    reloads: 'or-default',
    take: (plan, value) => takeCount(plan, 'max-concurrent-downloads', value),
  }),
  both('max-concurrent-uploads', {
    type: 'int',
    help: 'layers that are pushed at once (default 5)',
    reloads: 'or-default',
    take: (plan, value) => takeCount(plan, 'max-concurrent-uploads', value),
  }),
  both('max-download-attempts', {
    type: 'int',
    help: 'tries of a download (default 5)',
    take: (plan, value) => takeCount(plan, 'max-download-attempts', value),
  }),
  proxy('http-proxy'),
  proxy('https-proxy'),
  proxy('no-proxy'),
  {
    key: 'proxies',
    type: 'map',
    help: 'http-proxy, https-proxy and no-proxy',
    take: (plan, value) => {
      for (const [name, url] of Object.entries(value))
        for (const service of ['images', 'build'] as const) plan.set(service, `proxies.${name}`, url);
    },
  },
  both('storage-driver', {
    short: 's',
    type: 'string',
    help: 'overlay2 or vfs (default overlay2)',
    take: (plan, value) => {
      plan.set('images', 'storage-driver', value);
      if (value === 'vfs') plan.set('build', 'snapshotter', 'copy');
    },
  }),
  {
    flag: 'storage-opt',
    key: 'storage-opts',
    type: 'list',
    help: 'overlay2.size=SIZE: what a container may write (project quotas)',
    take: takeStorageOptions,
  },
];
