/** One file of a context. */
export interface FileSpec {
  readonly content?: string | Buffer;
  readonly mode?: number;
  /** Seconds since 1970; default 1,000,000,000. */
  readonly time?: number;
  readonly symlink?: string;
  /** Path in the context that this is another name of. */
  readonly hardlink?: string;
  readonly folder?: true;
  readonly fifo?: true;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A build that two engines must do alike. */
export interface BuildCase {
  readonly name: string;
  /** Rows of dockerfile-instructions.tsv that it exercises with a value that is not the default: `COPY --chown`, `RUN --mount=type=bind,from`, `${v:-word}`. */
  readonly rows: readonly string[];
  readonly dockerfile: string;
  readonly files?: Readonly<Record<string, string | FileSpec>>;
  /** Arguments of `docker buildx build`; `%` stands for the folder of the case's context. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Ends with a failure; its last lines are compared, no image is. */
  readonly fails?: true;
  /** What the command prints is compared (`--call=…`), no image is made. */
  readonly prints?: true;
  /** Path of the Dockerfile in the context; default `Dockerfile`. */
  readonly path?: string;
  /** The build is done twice; the outcome of the second counts, with its steps marked CACHED. */
  readonly twice?: true;
  /** Newer than the BuildKit of dockerd 28: done by ours only, with what BuildKit's reference says. */
  readonly newer?: true;
}
