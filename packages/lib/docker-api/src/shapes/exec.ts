import type { ExecInspectResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type Codec, flag, int64, list, omitEmpty, optional, struct, text, uint } from '../json/codec';
import { nullableStrings } from '../json/wrapped';

export interface ExecCreateBody {
  User: string;
  Privileged: boolean;
  Tty: boolean;
  ConsoleSize: number[];
  AttachStdin: boolean;
  AttachStderr: boolean;
  AttachStdout: boolean;
  DetachKeys: string;
  Env: string[];
  WorkingDir: string;
  Cmd: { items: string[] } | undefined;
}

/** Body of POST /containers/{id}/exec. Detach is said again, and decided, by exec start. */
export const execCreateBody: Codec<ExecCreateBody> = struct<ExecCreateBody>(
  'ExecOptions',
  {
    User: text,
    Privileged: flag,
    Tty: flag,
    ConsoleSize: list(uint('uint', 32)),
    AttachStdin: flag,
    AttachStderr: flag,
    AttachStdout: flag,
    DetachKeys: text,
    Env: list(text),
    WorkingDir: text,
    Cmd: nullableStrings,
  },
  // docker-py repeats the container of the path
  { goType: 'container.ExecOptions', ignored: ['detach', 'container'] },
);

export interface ExecStartBody {
  Detach: boolean;
  Tty: boolean;
  ConsoleSize: number[];
}

export const execStartBody: Codec<ExecStartBody> = struct<ExecStartBody>(
  'ExecStartOptions',
  { Detach: flag, Tty: flag, ConsoleSize: list(uint('uint', 32)) },
  // dockerode's own options, sent along: what they ask of the client is no wish to the engine
  { goType: 'container.ExecStartOptions', ignored: ['hijack', 'stdin'] },
);

export const execInspect: Codec<ExecInspectResponse> = struct<ExecInspectResponse>('ExecInspect', {
  ID: text,
  Running: flag,
  ExitCode: optional(int64('int')),
  ProcessConfig: optional(
    struct('ExecProcessConfig', { tty: flag, entrypoint: text, arguments: list(text, 'empty'), privileged: flag, user: omitEmpty(text) }),
  ),
  OpenStdin: flag,
  OpenStderr: flag,
  OpenStdout: flag,
  CanRemove: flag,
  ContainerID: text,
  DetachKeys: text,
  Pid: int64('int'),
});
