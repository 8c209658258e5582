/** Now, to the half minute, so that "2 minutes ago" stays true. */
class Clock {
  now = $state.raw(new Date());

  constructor() {
    setInterval(() => (this.now = new Date()), 30_000);
  }
}

export const clock = new Clock();
