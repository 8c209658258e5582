const find = (id) => document.querySelector(`[data-testid="${id}"]`)

find('greet').addEventListener('click', () => {
  find('greeting').textContent = `Hello, ${find('name').value}`
})

window.dropped = (paths) => {
  find('dropped').replaceChildren(
    ...paths.map((path) => {
      const item = document.createElement('li')
      item.textContent = path
      return item
    }),
  )
}

requestAnimationFrame(() =>
  requestAnimationFrame(() => {
    document.title = 'painted'
  }),
)
