/** Whether the numbers are asked for again and again. */

import { createContext, useContext } from 'react'

export const Live = createContext(true)

export const useLive = (): boolean => useContext(Live)
