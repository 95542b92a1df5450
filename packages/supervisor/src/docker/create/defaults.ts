import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { DEFAULT_SHM_SIZE } from '@gantry/spec';
import type { Uses } from '../engine';
import { cacheDefaults } from '../logs/options/cache';
import { networkMode } from './networks';

type Needs = Uses<{
  settings: 'cgroupVersion' | 'defaultBridge' | 'defaultShmSize' | 'ipcMode' | 'logDriver' | 'logOptions';
  runtimes: 'defaultName';
}>;

/** Names of our own runtime that containerd's clients use. */
const NATIVE_ALIASES = new Set(['io.containerd.gantry.v1']);

/** HostConfig with the engine's defaults in place of what was left open, as inspect shows it. */
export function applyDefaults(engine: Needs, asked: HostConfig): HostConfig {
  const { settings, runtimes } = engine;
  const mode = networkMode(asked.NetworkMode);
  const host = { ...asked, NetworkMode: mode === 'bridge' && !settings.defaultBridge ? 'none' : mode };
  host.ShmSize = asked.ShmSize === 0n ? settings.defaultShmSize || DEFAULT_SHM_SIZE : asked.ShmSize;
  host.IpcMode = asked.IpcMode === '' ? settings.ipcMode : asked.IpcMode;
  host.Runtime =
    asked.Runtime === undefined || asked.Runtime === '' || NATIVE_ALIASES.has(asked.Runtime) ? runtimes.defaultName : asked.Runtime;
  host.RestartPolicy = { Name: asked.RestartPolicy?.Name || 'no', MaximumRetryCount: asked.RestartPolicy?.MaximumRetryCount ?? 0n };
  const log = asked.LogConfig;
  host.LogConfig =
    log === undefined || log.Type === '' || log.Type === settings.logDriver
      ? { Type: settings.logDriver, Config: { ...settings.logOptions, ...log?.Config } }
      : { ...log, Config: { ...cacheDefaults(settings.logOptions), ...log.Config } };
  // A limit without a word on swap allows as much swap again.
  if (asked.Memory > 0n && asked.MemorySwap === 0n) host.MemorySwap = asked.Memory * 2n;
  // cgroup v2 cannot switch the OOM killer off, and docker shows nothing there.
  host.OomKillDisable = settings.cgroupVersion === 2 && asked.OomKillDisable !== true ? undefined : (asked.OomKillDisable ?? false);
  if (asked.MemorySwappiness === -1n) host.MemorySwappiness = undefined;
  const unlabelled = asked.Privileged || asked.PidMode === 'host' || asked.IpcMode === 'host';
  if (unlabelled && !asked.SecurityOpt.some((option) => option.startsWith('label')))
    host.SecurityOpt = [...asked.SecurityOpt, 'label=disable'];
  if (asked.PidsLimit !== undefined && asked.PidsLimit <= 0n) host.PidsLimit = undefined;
  return host;
}
