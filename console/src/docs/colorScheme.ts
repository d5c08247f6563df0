/** Swagger UI's dark colours, which a class switches on, as the browser prefers them. */

const dark = window.matchMedia('(prefers-color-scheme: dark)')

export function followColorScheme(): void {
  const apply = () => {
    document.documentElement.classList.toggle('dark-mode', dark.matches)
  }
  apply()
  dark.addEventListener('change', apply)
}
