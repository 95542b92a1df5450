/** A project as a newcomer would write it: files with a Dockerfile, on an image of Debian's packages. */
export interface Project {
  readonly name: string;
  /** The image that its Dockerfile begins with, and what of Debian it holds. */
  readonly base: string;
  readonly packages: readonly string[];
  /** Links that scripts of the packages would make. */
  readonly links?: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  /** Arguments of `docker buildx build`. */
  readonly args?: readonly string[];
  /** Arguments of `docker run`. */
  readonly run?: readonly string[];
  /** What is asked of it from the engine's host at its port 80: a path, and what is answered. */
  readonly answers?: Readonly<Record<string, string>>;
  /** Or a command inside, and what it prints. */
  readonly inside?: { readonly command: readonly string[]; readonly prints: string };
}
