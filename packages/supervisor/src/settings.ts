import { basename } from 'node:path';
import type { ServiceContext } from '@gantry/service';
import { criOf, defaultUlimits, logBound, logOptions, seccompProfile, type SupervisorConfig } from './config';
import type { IdRemap } from './core/userns';
import type { EngineSettings } from './docker/engine';
import { type EngineFacts, engineId } from './docker/system';

/** The configuration as the containers engine reads it. */
export function engineSettings(config: SupervisorConfig, remap: IdRemap | undefined): Partial<EngineSettings> {
  const seccomp = seccompProfile(config);
  return {
    init: config.init,
    ...(config['init-path'] === '' ? {} : { initPath: config['init-path'] }),
    dns: config.dns,
    dnsSearch: config['dns-search'],
    dnsOptions: config['dns-opts'],
    logBound: logBound(config),
    imagesFrom: criOf(config).namespace,
    resolvConf: config['resolv-conf'],
    hostGatewayIps: config['host-gateway-ip'],
    defaultBridge: config['default-bridge'],
    defaultShmSize: BigInt(config['default-shm-size']),
    stopTimeout: config['default-stop-timeout'],
    cgroupParent: config['cgroup-parent'],
    cgroupNamespace: config['default-cgroupns-mode'],
    ipcMode: config['default-ipc-mode'],
    ulimits: defaultUlimits(config),
    noNewPrivileges: config['no-new-privileges'],
    ...(seccomp === undefined ? {} : { seccomp }),
    liveRestore: config['live-restore'],
    cdiSpecDirs: config['cdi-spec-dirs'],
    plugins: config.plugins,
    shutdownTimeout: config['shutdown-timeout'],
    remap,
  };
}

/** The configuration as docker info tells it. */
export function factsOf(service: Pick<ServiceContext<SupervisorConfig>, 'config' | 'data' | 'root' | 'socket' | 'version'>): EngineFacts {
  const { config } = service;
  return {
    id: engineId(service.data, config['engine-id-file']),
    version: service.version,
    dataRoot: service.root,
    supervisorSocket: service.socket(),
    namespace: config.namespace,
    logDriver: config['log-driver'],
    logBound: config['log-driver'] === 'json-file' && logOptions(config)['max-size'] !== undefined ? undefined : logBound(config),
    labels: config.labels,
    registryMirrors: config['registry-mirrors'],
    insecureRegistries: config['insecure-registries'],
    userNamespaces: config['userns-remap'] !== '',
    cgroupNamespace: config['default-cgroupns-mode'],
    debug: config['log-level'] === 'debug' || config['log-level'] === 'trace',
    liveRestore: config['live-restore'],
    experimental: config.experimental,
    cdiSpecDirs: config['cdi-spec-dirs'],
    initBinary: basename(config['init-path']) || 'gantry-init',
    seccompProfile: config['seccomp-profile'] || 'builtin',
  };
}
