// The clock: where in the film we are. It knows nothing of pages; somebody calls `tick` with the time.
const LONGEST_TICK_S = 0.1; // a tab that was hidden goes on where it was

export class Clock {
  constructor(film, position, speed) {
    this.film = film;
    this.speed = speed;
    this.playing = false;
    this.last = null;
    this.go(position);
  }

  // `still`: we stand on an event instead of being under way between two.
  go(position) {
    this.position = this.film.clamp(position);
    this.t = this.position ? this.film.at[this.position - 1] : (this.film.n ? Math.min(this.film.at[0], 0) : 0);
    this.still = true;
  }

  play() {
    if (this.position >= this.film.n) this.go(0);
    this.playing = this.film.n > 0;
    this.still = false;
    this.last = null;
  }

  pause() {
    this.playing = false;
  }

  tick(nowMs) {
    if (!this.playing) return;
    const passed = this.last === null ? 0 : Math.min((nowMs - this.last) / 1000, LONGEST_TICK_S);
    this.last = nowMs;
    this.t += passed * this.film.rate * this.speed;
    this.position = Math.max(this.position, this.film.position(this.t));
    if (this.position >= this.film.n) {
      this.pause();
      this.still = true;
    }
  }
}
