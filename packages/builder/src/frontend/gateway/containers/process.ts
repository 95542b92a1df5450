import { constants } from 'node:os';
import { PassThrough } from 'node:stream';
import { ExecMessage, ExitMessage, type InitMessage } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { SecurityMode } from '@gantry/api/pb/ops';
import { asGantryError, type CallContext, detailsOf, errorTable, invalidArgument, outOfRange, type Send } from '@gantry/rpc';
import type { LiveProcess, ProcessWish } from '../../../executor/executor';
import { withDefault, withPath } from '../../../ops/exec/environment';
import { EXIT_MESSAGE_URL } from '../../../ops/exec/failure';
import { secretVariables } from '../../../ops/exec/special/secrets';
import { exitText, type FrontendContainer } from './container';
import type { ContainersOwner } from './container-rpcs';

/** Code of a process that never ran, or whose end nobody saw. */
const UNKNOWN = 255;

/** A process of a frontend, by the messages of its stream. */
export class FrontendProcess {
  private readonly stdin: PassThrough | undefined;
  private live: LiveProcess | undefined;
  /** Settles when the end is told. */
  ended: Promise<void> = Promise.resolve();
  private left = false;

  constructor(
    private readonly id: string,
    private readonly container: FrontendContainer,
    private readonly init: InitMessage,
    private readonly send: Send<ExecMessage>,
  ) {
    this.stdin = init.Fds.includes(0) ? new PassThrough() : undefined;
  }

  /** Resolves when it runs, or could not be started, which is told as its end. Rejects where it is not allowed or makes no sense. */
  async start({ bridge, sessions }: Pick<ContainersOwner, 'bridge' | 'sessions'>, ctx: CallContext): Promise<void> {
    const { init } = this;
    const { Meta: meta } = init;
    if (meta === undefined || meta.args.length === 0) throw invalidArgument(`process ${this.id} has no arguments`);
    if (SecurityMode[init.Security] === undefined) throw invalidArgument(`unknown security mode ${init.Security}`);
    const insecure = init.Security === SecurityMode.INSECURE;
    bridge.permit({ hostNetwork: false, insecure, devices: [] });
    const secrets = await secretVariables(ctx, init.secretenv, sessions);
    const env = withPath(init.Tty ? withDefault(meta.env, 'TERM', 'xterm') : meta.env, this.container.os);
    const process: ProcessWish = {
      args: meta.args,
      env: [...env, ...secrets],
      cwd: meta.cwd || '/',
      user: meta.user,
      tty: init.Tty,
      ...(this.stdin === undefined ? {} : { stdin: this.stdin }),
      output: (stream, data) => (init.Fds.includes(stream) ? this.tell({ File: { Fd: stream, EOF: false, Data: data } }) : undefined),
    };
    const running = Promise.withResolvers<void>();
    const exit = this.container.run(ctx, process, {
      insecure,
      removeStubsRecursive: meta.removeMountStubsRecursive,
      started: (live) => {
        this.live = live;
        // before any output can be read: the stream keeps the order
        running.resolve(this.tell({ Started: {} }));
      },
    });
    this.ended = exit.then(
      ({ code }) => this.end(code),
      (error: unknown) => this.end(UNKNOWN, error),
    );
    await Promise.race([running.promise, exit.then(doNothing, doNothing)]);
  }

  /** A message for a process that is there. Errors: outOfRange for a descriptor that takes nothing, invalidArgument for an unknown signal. */
  async take({ File: file, Resize: resize, Signal: signal }: ExecMessage): Promise<void> {
    if (file !== undefined) return this.write(file.Fd, file.Data, file.EOF);
    if (resize !== undefined) await this.live?.resize(resize.Cols, resize.Rows).catch(doNothing);
    else if (signal !== undefined) await this.live?.signal(signalNumber(signal.Name)).catch(doNothing);
  }

  /** The frontend is gone: nothing more comes from it, and nothing is told. */
  leave(): void {
    this.left = true;
    this.stdin?.end();
  }

  private async write(fd: number, data: Buffer, eof: boolean): Promise<void> {
    const { stdin } = this;
    if (fd !== 0 || stdin === undefined || stdin.writableEnded) throw outOfRange(`fd ${fd} unavailable to write`);
    if (data.length > 0 && !stdin.write(data))
      await new Promise<void>((resolve) => {
        stdin.once('drain', resolve).once('close', resolve);
      });
    if (eof) stdin.end();
  }

  private async end(code: number, error?: unknown): Promise<void> {
    this.stdin?.destroy();
    if (this.live === undefined) await this.tell({ Started: {} });
    for (const fd of this.init.Fds) if (fd !== 0) await this.tell({ File: { Fd: fd, EOF: true, Data: Buffer.alloc(0) } });
    await this.tell({ Exit: { Code: code, Error: code === 0 ? undefined : exitStatus(code, error) } });
    await this.tell({ Done: {} });
  }

  private async tell(message: Partial<ExecMessage>): Promise<void> {
    if (this.left) return;
    await this.send(ExecMessage.fromPartial({ ProcessID: this.id, ...message })).catch(() => this.leave());
  }
}

const doNothing = (): void => undefined;

/** Names as in `kill -l`, with or without SIG. */
function signalNumber(name: string): number {
  const known = new Map(Object.entries(constants.signals));
  const number = known.get(`SIG${name}`) ?? known.get(name);
  if (number === undefined) throw invalidArgument(`Unknown signal ${name}`);
  return number;
}

type ExitStatus = NonNullable<ExitMessage['Error']>;

function exitStatus(code: number, thrown: unknown): ExitStatus {
  if (thrown === undefined) {
    const value = Buffer.from(JSON.stringify(ExitMessage.toJSON({ Code: code, Error: undefined })));
    return { code: errorTable.unknown.grpc, message: exitText(code), details: [{ typeUrl: EXIT_MESSAGE_URL, value }] };
  }
  const error = asGantryError(thrown);
  const details = detailsOf(error).map(({ typeUrl, value }) => ({ typeUrl, value }));
  return { code: errorTable[error.kind].grpc, message: error.message, details };
}
