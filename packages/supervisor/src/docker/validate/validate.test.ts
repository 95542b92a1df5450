import { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { commandOf, mergeConfig } from '../create/merge-config';
import { parseSignal } from '../stop/signals';
import { validateConfig } from './validate-config';
import { validateHostConfig } from './validate-host-config';

const check = (host: object, config: object = {}): void =>
  void validateHostConfig(HostConfig.fromPartial(host), ContainerConfig.fromPartial(config));

it('lets zero and default values pass', () => {
  expect(() => check({})).not.toThrow();
  expect(() =>
    check({
      Isolation: 'default',
      RestartPolicy: { Name: 'no' },
      MemorySwappiness: -1n,
      PidsLimit: 0n,
      OomKillDisable: false,
      LogConfig: { Type: '', Config: {} },
      NetworkMode: 'default',
    }),
  ).not.toThrow();
});

it.each([
  [{ CpuCount: 1n }, 'HostConfig.CpuCount is not supported'],
  [{ CpuPercent: 5n }, 'HostConfig.CpuPercent'],
  [{ IOMaximumIOps: 5n }, 'HostConfig.IOMaximumIOps'],
  [{ IOMaximumBandwidth: 5n }, 'HostConfig.IOMaximumBandwidth'],
  [{ Cgroup: 'container:x' }, 'HostConfig.Cgroup'],
  [{ StorageOpt: { size: 'much' } }, "invalid size: 'much'"],
  [{ StorageOpt: { size: '1G', Other: 'x' } }, 'Unknown option other'],
  [{ Isolation: 'hyperv' }, "invalid isolation (hyperv): linux only supports 'default'"],

  [
    { DeviceRequests: [{ Driver: 'nvidia', Count: -1n, Capabilities: [{ items: ['gpu'] }] }] },
    'could not select device driver "nvidia" with capabilities: [[gpu]]',
  ],
  [
    {
      DeviceRequests: [
        { Driver: 'cdi', DeviceIDs: ['v/c=a'] },
        { Count: 1n, Capabilities: [{ items: ['gpu'] }] },
      ],
    },
    'driver "" with',
  ],
  [{ Memory: 1n }, 'Minimum memory limit allowed is 6MB'],
  [{ MemorySwap: 10_000_000n }, 'You should always set the Memory limit when using Memoryswap limit'],
  [{ Memory: 10_000_000n, MemorySwap: 7_000_000n }, 'Minimum memoryswap limit should be larger than memory limit'],
  [{ MemorySwappiness: 101n }, 'valid memory swappiness range is 0-100'],
  [{ NanoCpus: 10_000_000_000_000n }, 'range of CPUs is from 0.01'],
  [{ NanoCpus: 1n, CpuQuota: 5000n }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
  [{ CpusetCpus: '0-99999' }, 'Invalid value 0-99999 for cpuset cpus'],
  [{ CpusetCpus: '4095' }, 'Requested CPUs are not available'],
  [{ BlkioWeight: 5n }, 'Range of blkio weight is from 10 to 1000'],
  [{ OomScoreAdj: 1001n }, 'range for oom score adj is [-1000, 1000]'],
  [{ ShmSize: -1n }, 'SHM size can not be less than 0'],
  [{ RestartPolicy: { Name: 'sometimes' } }, "unknown policy 'sometimes'"],
  [{ RestartPolicy: { Name: 'always', MaximumRetryCount: 3n } }, "maximum retry count can only be used with 'on-failure'"],
  [{ RestartPolicy: { Name: 'always' }, AutoRemove: true }, "can't create 'AutoRemove' container with restart policy"],
  [{ LogConfig: { Type: 'awslogs', Config: {} } }, "must specify a value for log opt 'awslogs-group'"],
  [{ LogConfig: { Type: 'json-file', Config: { nope: '1' } } }, "unknown log opt 'nope' for json-file log driver"],
  [{ CapAdd: ['NOPE'] }, 'invalid CapAdd'],
  [{ IpcMode: 'odd' }, 'invalid IPC mode: odd'],
  [{ PidMode: 'container:' }, 'invalid PID mode'],
  [{ UsernsMode: 'remap' }, 'invalid user namespace mode'],
  [{ NetworkMode: 'container:' }, 'invalid network mode: invalid container format container:<name|id>'],
  [{ NetworkMode: 'container' }, 'invalid network mode: invalid container format container:<name|id>'],
  [{ NetworkMode: 'container:x', Dns: ['1.1.1.1'] }, 'conflicting options: dns and the network mode'],
  [{ NetworkMode: 'container:x', PublishAllPorts: true }, 'conflicting options: port publishing and the container type network mode'],
  [{ NetworkMode: 'host', Sysctls: { 'net.core.somaxconn': '1' } }, 'not allowed in host network namespace'],
  [{ Sysctls: { 'vm.swappiness': '1' } }, 'is not in a separate kernel namespace'],
  [{ PortBindings: { '80/icmp': { items: [] } } }, 'invalid proto: icmp'],
  [{ PortBindings: { '80/tcp': { items: [{ HostPort: '99999' }] } } }, 'invalid port specification: "99999"'],
  [{ DeviceCgroupRules: ['x'] }, "invalid device cgroup rule format: 'x'"],
  [{ ExtraHosts: ['nohost'] }, 'bad format for add-host: "nohost"'],
])('refuses %j', (host, message) => {
  expect(() => check(host)).toThrow(message);
});

it.each([
  [{ WorkingDir: 'relative' }, "the working directory 'relative' is invalid, it needs to be an absolute path"],
  [{ Env: ['=x'] }, 'invalid environment variable: =x'],
  [{ StopSignal: 'NOPE' }, 'invalid signal: NOPE'],
  [{ ExposedPorts: { x: {} } }, 'invalid port specification: "x"'],
  [{ Healthcheck: { Test: ['CMD', 'x'], Interval: 5n } }, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Test: ['ODD', 'x'] } }, "Unknown healthcheck type 'ODD'"],
])('refuses the configuration %j', (config, message) => {
  expect(() => validateConfig(ContainerConfig.fromPartial(config))).toThrow(message);
});

it("completes a configuration by the image's", () => {
  const image = {
    User: 'app',
    Env: ['A=image', 'B=image'],
    Cmd: ['serve'],
    Entrypoint: ['/run'],
    WorkingDir: '/srv',
    Labels: { a: 'image', b: 'image' },
    Volumes: { '/data': {} },
    ExposedPorts: { '80/tcp': {} },
    StopSignal: 'SIGQUIT',
  };
  const merge = (asked: object) => mergeConfig(ContainerConfig.fromPartial(asked), image);
  expect(merge({ Env: ['A=mine'], Labels: { a: 'mine' } })).toMatchObject({
    User: 'app',
    Env: ['A=mine', 'B=image'],
    Labels: { a: 'mine', b: 'image' },
    WorkingDir: '/srv',
    StopSignal: 'SIGQUIT',
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/data': {} },
  });
  expect(commandOf(merge({}))).toEqual(['/run', 'serve']);
  expect(commandOf(merge({ Cmd: { items: ['x'] } }))).toEqual(['/run', 'x']);
  expect(commandOf(merge({ Entrypoint: { items: ['/mine'] } }))).toEqual(['/mine']);
  expect(commandOf(merge({ Entrypoint: { items: [''] }, Cmd: { items: ['x'] } }))).toEqual(['x']);
  expect(() => commandOf(mergeConfig(ContainerConfig.create(), {}))).toThrow('no command specified');
});

it('reads signals', () => {
  expect(['9', 'KILL', 'sigkill', 'RTMIN+3', 'SIGRTMAX-1', 'HUP'].map(parseSignal)).toEqual([9, 9, 9, 37, 63, 1]);
  for (const bad of ['0', 'RTMIN+31', 'x', '']) expect(() => parseSignal(bad)).toThrow(`invalid signal: ${bad}`);
  expect(() => parseSignal('65')).toThrow('the linux daemon does not support signal 65');
});
