import { flag, list, optional, text, uint } from '../json/codec';
import { struct } from '../json/struct';
import { wrapped } from '../json/wrapped';

/** What docker's API has no words for, below a member whose name is nobody else's. */
const beyondDocker = struct<{ EndWithClient: boolean | undefined }>('container.GantryExec', { EndWithClient: optional(flag) });

/** Body of POST /containers/{id}/exec. Detach is said again, and decided, by exec start. */
export const execCreateBody = struct('container.ExecOptions', {
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
  Cmd: optional(wrapped(text, 'empty')),
  Gantry: beyondDocker,
});

export interface ExecStartBody {
  Detach: boolean;
  Tty: boolean;
  ConsoleSize: number[];
}

export const execStartBody = struct<ExecStartBody>('container.ExecStartOptions', {
  Detach: flag,
  Tty: flag,
  ConsoleSize: list(uint('uint', 32)),
});
