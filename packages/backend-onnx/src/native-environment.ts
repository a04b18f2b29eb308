import koffi from 'koffi';

/**
 * Sets an environment variable where native libraries look it up. `process.env` alone will not do: in
 * a worker thread it is a copy that only JavaScript sees.
 *
 * Must come after `enlargeCallStacks`, for it loads the C library.
 */
export function setEnvironment(name: string, value: string): void {
  process.env[name] = value;
  if (process.platform === 'win32') {
    koffi.load('ucrtbase.dll').func('int _putenv_s(const char *name, const char *value)')(
      name,
      value,
    );
  } else {
    // No file: what the process has loaded, which includes the C library.
    koffi.load(null).func('int setenv(const char *name, const char *value, int overwrite)')(
      name,
      value,
      1,
    );
  }
}
