import { defaultCapabilities, defaultMaskedPaths, defaultMounts, defaultNamespaces, defaultReadonlyPaths, type Spec } from '@gantry/oci';
import type { Logger } from '@gantry/rpc';
import { compileCreate } from '@gantry/runtime';
import { compileSeccomp, defaultSeccompProfile } from '@gantry/oci/seccomp';

/** Milliseconds after the start: the other services are up by then. */
const DELAY_MS = 300;

/** Compiles a launch plan that nobody runs, once and off any caller's path: the first real one would take 25 ms longer. Returns how to call it off. */
export function warmUpSoon(logger: Logger): () => void {
  const timer = setTimeout(() => {
    try {
      compileCreate(typicalSpec(), { id: 'warm-up', bundle: '/nowhere', rootfs: '/nowhere/rootfs' });
    } catch (error) {
      logger.debug({ err: error }, 'warming up failed');
    }
  }, DELAY_MS).unref();
  return () => clearTimeout(timer);
}

function typicalSpec(): Spec {
  const capabilities = [...defaultCapabilities];
  return {
    ociVersion: '1.0.2',
    process: {
      args: ['true'],
      cwd: '/',
      env: [],
      user: { uid: 0, gid: 0 },
      noNewPrivileges: false,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: 'rootfs' },
    hostname: 'warm-up',
    mounts: defaultMounts(),
    linux: {
      namespaces: defaultNamespaces.map((type) => ({ type })),
      maskedPaths: [...defaultMaskedPaths],
      readonlyPaths: [...defaultReadonlyPaths],
      seccomp: compileSeccomp(defaultSeccompProfile(), capabilities),
    },
  };
}
